#include "kernels/activations.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace smx {

void AddLayerNorm_f32__reference(MatF x, ConstMatF residual, const float* scale, const float* bias, float epsilon) {
  const double n = static_cast<double>(x.cols);
  for (size_t r = 0; r < x.rows; ++r) {
    float* row = x.Row(r);
    if (residual.data != nullptr) {
      for (size_t c = 0; c < x.cols; ++c) row[c] += residual.Row(r)[c];
    }
    double sum = 0.0;
    for (size_t c = 0; c < x.cols; ++c) sum += static_cast<double>(row[c]);
    const double mean = sum / n;
    double squares = 0.0;
    for (size_t c = 0; c < x.cols; ++c) {
      const double difference = static_cast<double>(row[c]) - mean;
      squares += difference * difference;
    }
    const float center = static_cast<float>(mean);
    const float inverse = static_cast<float>(1.0 / std::sqrt(squares / n + static_cast<double>(epsilon)));
    for (size_t c = 0; c < x.cols; ++c) row[c] = (row[c] - center) * inverse * scale[c] + bias[c];
  }
}

void Gelu_f32__reference(MatF x) {
  constexpr float kSqrt2OverPi = 0.7978845608028654f;
  for (size_t r = 0; r < x.rows; ++r) {
    float* row = x.Row(r);
    for (size_t c = 0; c < x.cols; ++c) {
      const float v = row[c];
      row[c] = 0.5f * v * (1.0f + std::tanh(kSqrt2OverPi * (v + 0.044715f * v * v * v)));
    }
  }
}

void GeluErf_f32__reference(MatF x) {
  constexpr float kSqrtHalf = 0.7071067811865476f;
  for (size_t r = 0; r < x.rows; ++r) {
    float* row = x.Row(r);
    for (size_t c = 0; c < x.cols; ++c) row[c] = 0.5f * row[c] * (1.0f + std::erf(kSqrtHalf * row[c]));
  }
}

void Softmax_f32__reference(MatF x) {
  for (size_t r = 0; r < x.rows; ++r) {
    float* row = x.Row(r);
    const float max = *std::max_element(row, row + x.cols);
    float sum = 0.0f;
    for (size_t c = 0; c < x.cols; ++c) {
      row[c] = std::exp(row[c] - max);
      sum += row[c];
    }
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

void AttentionHead_f32__reference(ConstMatF q, ConstMatF k_transposed, ConstMatF v, const unsigned char* is_real,
                                  MatF scores, MatF out) {
  const size_t n = v.rows;
  const float scale = 1.0f / std::sqrt(static_cast<float>(q.cols));
  float* row = scores.Row(0);
  for (size_t i = 0; i < q.rows; ++i) {
    std::fill_n(row, n, 0.0f);
    for (size_t c = 0; c < q.cols; ++c) {
      const float query = q.Row(i)[c] * scale;
      const float* keys = k_transposed.Row(c);
      for (size_t j = 0; j < n; ++j) row[j] += query * keys[j];
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
