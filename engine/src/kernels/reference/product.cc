#include "kernels/product.h"

#include <algorithm>
#include <cmath>

#include "kernels/elementary.h"

namespace smx {
namespace {

int8_t QuantizeValue(float x, float inverse_scale, float zero_point) {
  float value = std::nearbyintf(x * inverse_scale) + zero_point;
  value = value == value ? value : zero_point;
  value = value < -128.0f ? -128.0f : value;
  value = value > 127.0f ? 127.0f : value;
  return static_cast<int8_t>(value);
}

/// `value(i)` is value i of the row.
template <typename Value>
RowQuantization QuantizeRow(const Value& value, size_t n, int8_t* out) {
  float min = 0.0f, max = 0.0f;
  for (size_t i = 0; i < n; ++i) {
    min = value(i) < min ? value(i) : min;
    max = value(i) > max ? value(i) : max;
  }
  const RowQuantization params = QuantizationOf(min, max);
  const float inverse_scale = 1.0f / params.scale;
  const float zero_point = static_cast<float>(params.zero_point);
  for (size_t i = 0; i < n; ++i) out[i] = QuantizeValue(value(i), inverse_scale, zero_point);
  return params;
}

/// One row of outputs when the kernel is [inputs, outputs]: the inner loop runs over outputs, side by side in memory.
void AddProductInputsFirst(const float* x, const ProductWeights& w, float* out) {
  for (size_t k = 0; k < w.inputs; ++k) {
    const float* row = w.Row<float>(k);
    for (size_t n = 0; n < w.outputs; ++n) out[n] += x[k] * row[n];
  }
}

void AddProductOutputsFirst(const float* x, const ProductWeights& w, float* out) {
  for (size_t n = 0; n < w.outputs; ++n) {
    const float* row = w.Row<float>(n);
    float sum = 0.0f;
    for (size_t k = 0; k < w.inputs; ++k) sum += x[k] * row[k];
    out[n] += sum;
  }
}

int32_t IntegerProduct(const int8_t* x, int32_t zero_point, const ProductWeights& w, size_t n) {
  const int8_t* column = w.outputs_first ? w.Row<int8_t>(n) : w.Row<int8_t>(0) + n;
  const ptrdiff_t step = w.outputs_first ? 1 : w.stride;
  int32_t sum = 0;
  for (size_t k = 0; k < w.inputs; ++k) sum += (x[k] - zero_point) * column[static_cast<ptrdiff_t>(k) * step];
  return sum;
}

}  // namespace

RowQuantization QuantizationOf(float min, float max) {
  min = std::max(min, -kLargestQuantized);
  max = std::min(max, kLargestQuantized);
  if (max == min) return {0, 1.0f};
  const float scale = std::max(max / 255.0f - min / 255.0f, kSmallestRowScale);
  const float from_min = -128.0f - min / scale;
  const float from_max = 127.0f - max / scale;
  const float error_min = 128.0f + std::fabs(min / scale);
  const float error_max = 127.0f + std::fabs(max / scale);
  const float zero_point = error_min < error_max ? from_min : from_max;
  return {static_cast<int32_t>(RoundHalfEven(std::clamp(zero_point, -128.0f, 127.0f))), scale};
}

void QuantizeRows_f32_qd8__reference(ConstMatF in, const float* input_scales, Mat<int8_t> out,
                                     RowQuantization* params) {
  for (size_t r = 0; r < in.rows; ++r) {
    const float* const row = in.Row(r);
    if (input_scales == nullptr) {
      params[r] = QuantizeRow([row](size_t c) { return row[c]; }, in.cols, out.Row(r));
    } else {
      params[r] = QuantizeRow([=](size_t c) { return row[c] * input_scales[c]; }, in.cols, out.Row(r));
    }
  }
}

void Product_f32__reference(ConstMatF x, const ProductWeights& weights, MatF out) {
  for (size_t r = 0; r < x.rows; ++r) {
    float* row = out.Row(r);
    std::fill_n(row, weights.outputs, 0.0f);
    if (weights.outputs_first) {
      AddProductOutputsFirst(x.Row(r), weights, row);
    } else {
      AddProductInputsFirst(x.Row(r), weights, row);
    }
    if (weights.bias == nullptr) continue;
    for (size_t n = 0; n < weights.outputs; ++n) row[n] += weights.bias[n];
  }
}

void Product_qd8_f32_qc8w__reference(Mat<const int8_t> x, const RowQuantization* params, const ProductWeights& weights,
                                     MatF out) {
  for (size_t r = 0; r < x.rows; ++r) {
    for (size_t n = 0; n < weights.outputs; ++n) {
      const int32_t sum = IntegerProduct(x.Row(r), params[r].zero_point, weights, n);
      const float bias = weights.bias == nullptr ? 0.0f : weights.bias[n];
      out.Row(r)[n] = static_cast<float>(sum) * params[r].scale * weights.Scale(n) + bias;
    }
  }
}

void ScaleChannels_f32__reference(const float* scales, const float* bias, MatF x) {
  for (size_t r = 0; r < x.rows; ++r) {
    float* const row = x.Row(r);
    for (size_t c = 0; c < x.cols; ++c) row[c] = row[c] * scales[c] + (bias == nullptr ? 0.0f : bias[c]);
  }
}

}  // namespace smx
