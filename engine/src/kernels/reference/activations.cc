#include "kernels/activations.h"

#include <algorithm>
#include <cmath>

#include "kernels/elementary.h"

namespace smx {
namespace {

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
    const float mean = SumInLanes(x.cols, [row](size_t c) { return row[c]; }) / n;
    const float squares = SumInLanes(x.cols, [=](size_t c) { return (row[c] - mean) * (row[c] - mean); });
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
    const float sum = SumInLanes(x.cols, [row](size_t c) { return row[c]; });
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

void ScatterAddRows_f32__reference(ConstMatF x, const int32_t* rows, const float* weights, MatF out) {
  for (size_t r = 0; r < x.rows; ++r) {
    float* const row = out.Row(static_cast<size_t>(rows[r]));
    for (size_t c = 0; c < x.cols; ++c) row[c] += weights[r] * x.Row(r)[c];
  }
}

}  // namespace smx
