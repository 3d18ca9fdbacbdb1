#include "kernels/activations.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/elementary.h"

namespace smx {
namespace {

/// `value(i)` is value i of a row of n.
template <typename Value>
float Sum(size_t n, const Value& value) {
  float lanes[kSumLanes] = {};
  for (size_t i = 0; i < n; ++i) lanes[i % kSumLanes] += value(i);
  return SumOfLanes(lanes);
}

float Gelu(float x) { return x / (1.0f + Exp(x * (x * x * kGeluCubic + 1.0f) * kGeluScale)); }

float GeluErf(float x) {
  const float a = std::fabs(x);
  const float t = 1.0f / (1.0f + kTailSlope * a);
  float q = kTailTerms[7];
  for (size_t i = 7; i-- > 0;) q = q * t + kTailTerms[i];
  const float part = x * (t * Exp(a * a * -0.5f + q));
  return x < 0.0f ? part : x - part;
}

}  // namespace

void AddLayerNorm_f32__reference(MatF x, ConstMatF residual, const float* scale, const float* bias, float epsilon) {
  const float n = static_cast<float>(x.cols);
  for (size_t r = 0; r < x.rows; ++r) {
    float* row = x.Row(r);
    if (residual.data != nullptr) {
      for (size_t c = 0; c < x.cols; ++c) row[c] += residual.Row(r)[c];
    }
    const float mean = Sum(x.cols, [row](size_t c) { return row[c]; }) / n;
    const float squares = Sum(x.cols, [=](size_t c) { return (row[c] - mean) * (row[c] - mean); });
    const float inverse = 1.0f / std::sqrt(squares / n + epsilon);
    for (size_t c = 0; c < x.cols; ++c) row[c] = (row[c] - mean) * inverse * scale[c] + bias[c];
  }
}

void Gelu_f32__reference(MatF x) {
  for (size_t r = 0; r < x.rows; ++r) {
    float* row = x.Row(r);
    for (size_t c = 0; c < x.cols; ++c) row[c] = Gelu(row[c]);
  }
}

void GeluErf_f32__reference(MatF x) {
  for (size_t r = 0; r < x.rows; ++r) {
    float* row = x.Row(r);
    for (size_t c = 0; c < x.cols; ++c) row[c] = GeluErf(row[c]);
  }
}

void Softmax_f32__reference(MatF x) {
  for (size_t r = 0; r < x.rows; ++r) {
    float* row = x.Row(r);
    const float max = *std::max_element(row, row + x.cols);
    for (size_t c = 0; c < x.cols; ++c) row[c] = Exp(row[c] - max);
    const float sum = Sum(x.cols, [row](size_t c) { return row[c]; });
    for (size_t c = 0; c < x.cols; ++c) row[c] /= sum;
  }
}

void Transpose_f32__reference(ConstMatF in, MatF out) {
  for (size_t c = 0; c < in.cols; ++c) {
    float* row = out.Row(c);
    for (size_t r = 0; r < in.rows; ++r) row[r] = in.Row(r)[c];
    std::fill(row + in.rows, row + out.cols, 0.0f);
  }
}

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
    for (size_t j = 0; is_real != nullptr && j < n; ++j) {
      if (is_real[i] == 0 || is_real[j] == 0) row[j] = std::numeric_limits<float>::lowest();
    }
    Softmax_f32__reference({row, 1, n, n});
    std::fill_n(out.Row(i), out.cols, 0.0f);
    for (size_t j = 0; j < n; ++j) {
      for (size_t c = 0; c < out.cols; ++c) out.Row(i)[c] += row[j] * v.Row(j)[c];
    }
  }
}

}  // namespace smx
