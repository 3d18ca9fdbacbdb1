#include "kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "kernels/activations.h"
#include "kernels/elementary.h"

namespace smx {
namespace {

/// Scores of query i, unless both tokens are real, become the lowest number.
void Mask(const unsigned char* is_real, size_t i, float* row, size_t n) {
  for (size_t j = 0; is_real != nullptr && j < n; ++j) {
    if (is_real[i] == 0 || is_real[j] == 0) row[j] = std::numeric_limits<float>::lowest();
  }
}

int16_t RoundToInt16(float x, float limit) {
  if (x != x) return 0;
  return static_cast<int16_t>(RoundHalfEven(std::clamp(x, -limit, limit)));
}

/// Returns the row's scale.
float QuantizeRow(const float* row, size_t n, float limit, int16_t* out) {
  float largest = 0.0f;
  for (size_t c = 0; c < n; ++c) largest = std::fabs(row[c]) > largest ? std::fabs(row[c]) : largest;
  const float scale = AttentionScale(largest, limit);
  const float inverse = 1.0f / scale;
  for (size_t c = 0; c < n; ++c) out[c] = RoundToInt16(row[c] * inverse, limit);
  return scale;
}

/// Scores become weights; returns what sums of values by them are to be multiplied by.
float WeighScores(float* scores, const float* v_scales, size_t n, int16_t* weights) {
  const float max = *std::max_element(scores, scores + n);
  for (size_t j = 0; j < n; ++j) scores[j] = Exp(scores[j] - max);
  const float sum_of_exp = SumInLanes(n, [=](size_t j) { return scores[j]; });
  for (size_t j = 0; j < n; ++j) scores[j] *= v_scales[j];
  const float sum = SumInLanes(n, [=](size_t j) { return scores[j]; });
  const float largest = *std::max_element(scores, scores + n);
  const float to_weights = std::min(kAttentionWeightLimit / largest, kAttentionSumOfWeightsLimit / sum);
  int32_t sum_of_weights = 0;
  for (size_t j = 0; j < n; ++j) {
    weights[j] = RoundToInt16(scores[j] * to_weights, kAttentionWeightLimit);
    sum_of_weights += weights[j];
  }
  return sum / (static_cast<float>(sum_of_weights) * sum_of_exp);
}

}  // namespace

void AttentionHead_f32__reference(ConstMatF q, ConstMatF k, ConstMatF v, const unsigned char* is_real, float* scratch,
                                  MatF out) {
  const size_t n = v.rows;
  const float scale = 1.0f / std::sqrt(static_cast<float>(q.cols));
  float* row = scratch;
  for (size_t i = 0; i < q.rows; ++i) {
    for (size_t j = 0; j < n; ++j) {
      row[j] = 0.0f;
      for (size_t c = 0; c < q.cols; ++c) row[j] += q.Row(i)[c] * k.Row(j)[c];
      row[j] *= scale;
    }
    Mask(is_real, i, row, n);
    Softmax_f32__reference({row, 1, n, n});
    std::fill_n(out.Row(i), out.cols, 0.0f);
    for (size_t j = 0; j < n; ++j) {
      for (size_t c = 0; c < out.cols; ++c) out.Row(i)[c] += row[j] * v.Row(j)[c];
    }
  }
}

void AttentionHead_f32_qs16__reference(ConstMatF q, ConstMatF k, ConstMatF v, const unsigned char* is_real,
                                       float* scratch, MatF out) {
  const size_t n = v.rows, d = q.cols;
  float* const row = scratch;
  float* const k_scales = row + n;
  float* const v_scales = k_scales + n;
  auto* const keys = reinterpret_cast<int16_t*>(v_scales + n);
  int16_t* const values = keys + n * d;
  int16_t* const query = values + n * d;
  int16_t* const weights = query + d;
  const float limit = AttentionLimit(d);
  for (size_t j = 0; j < n; ++j) {
    k_scales[j] = QuantizeRow(k.Row(j), d, limit, keys + j * d);
    v_scales[j] = QuantizeRow(v.Row(j), d, kAttentionValueLimit, values + j * d);
  }
  for (size_t i = 0; i < q.rows; ++i) {
    const float q_scale = QuantizeRow(q.Row(i), d, limit, query) * (1.0f / std::sqrt(static_cast<float>(d)));
    for (size_t j = 0; j < n; ++j) {
      int32_t sum = 0;
      for (size_t c = 0; c < d; ++c) sum += query[c] * keys[j * d + c];
      row[j] = static_cast<float>(sum) * q_scale * k_scales[j];
    }
    Mask(is_real, i, row, n);
    const float scale = WeighScores(row, v_scales, n, weights);
    for (size_t c = 0; c < d; ++c) {
      int32_t sum = 0;
      for (size_t j = 0; j < n; ++j) sum += weights[j] * values[j * d + c];
      out.Row(i)[c] = static_cast<float>(sum) * scale;
    }
  }
}

}  // namespace smx
