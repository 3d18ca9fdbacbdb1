#ifndef SMX_KERNELS_PRODUCT_H_
#define SMX_KERNELS_PRODUCT_H_

#include <cstddef>
#include <cstdint>

#include "base/mat.h"

namespace smx {

enum class WeightType : uint8_t {
  kF32,
  kQc8w,  // int8, symmetric, one scale per output channel
};

/// The constant side of a dense product y = x W + b. Owns nothing.
struct ProductWeights {
  WeightType type = WeightType::kF32;
  bool outputs_first = false;  // kernel is [outputs, inputs]; else [inputs, outputs]
  size_t inputs = 0;
  size_t outputs = 0;
  ptrdiff_t stride = 0;           // values from one row of the kernel to the next; -1 in a Toeplitz matrix, whose rows
                                  // are the same vector, each seen from one place further to the front
  const void* kernel = nullptr;   // float or int8_t
  uint32_t made_matrix = 0;       // 0: `kernel` stays where it is; else which of the matrices that are made anew it is
  const float* scales = nullptr;  // [outputs], or the one of all outputs; kQc8w only
  bool has_one_scale = false;
  const float* input_scales = nullptr;  // [inputs]: rows of x are multiplied by them when quantized; or null
  const float* bias = nullptr;          // [outputs], or null

  template <typename T>
  const T* Row(size_t r) const {
    return static_cast<const T*>(kernel) + static_cast<ptrdiff_t>(r) * stride;
  }
  float Scale(size_t output) const { return scales[has_one_scale ? 0 : output]; }
};

/// How a row of int8 values stands for reals: real = (value - zero_point) * scale. Same layout as XNNPACK's
/// xnn_quantization_params, checked where the two meet.
struct RowQuantization {
  int32_t zero_point;
  float scale;
};

/// How a row is quantized whose values and 0 lie in min .. max; NaN does not count.
RowQuantization QuantizationOf(float min, float max);

/// Infinities count as this, so that scales stay finite.
inline constexpr float kLargestQuantized = 1e38f;
/// A smaller scale would be subnormal, which kernels may flush to zero.
inline constexpr float kSmallestRowScale = 1e-30f;

/// Multiplies each row of `in` [rows, cols] by `input_scales` [cols], unless they are null, and quantizes it to qd8:
/// the range of its values and 0 is spread over -128..127, so 0 is exact and zeros behind a row change nothing.
///
///   scale      = (max - min) / 255, 1 for a row of zeros
///   zero_point = the integer nearest to -128 - min / scale (or 127 - max / scale, whichever errs less), clamped
///   value      = clamp(round_half_even(x / scale) + zero_point)
///
/// NaN quantizes as the zero point, infinities as the largest magnitudes.
using QuantizeRowsFn = void (*)(ConstMatF in, const float* input_scales, Mat<int8_t> out, RowQuantization* params);

/// out [rows, outputs] = x [rows, inputs] W + b, summed over inputs in order, in float32.
using ProductF32Fn = void (*)(ConstMatF x, const ProductWeights& weights, MatF out);

/// out[r, n] = (sum over k of (x[r, k] - zero_point[r]) * W[k, n]) * scale[r] * weights.Scale(n) + b[n];
/// the sum is exact in int32 for up to 2^16 inputs.
using ProductQd8Fn = void (*)(Mat<const int8_t> x, const RowQuantization* params, const ProductWeights& weights,
                              MatF out);

/// x[r, c] = x[r, c] * scales[c] + bias[c], `bias` may be null: the last part of ProductQd8Fn, where a library has done
/// what comes before.
using ScaleChannelsFn = void (*)(const float* scales, const float* bias, MatF x);

void QuantizeRows_f32_qd8__reference(ConstMatF in, const float* input_scales, Mat<int8_t> out, RowQuantization* params);
void Product_f32__reference(ConstMatF x, const ProductWeights& weights, MatF out);
void Product_qd8_f32_qc8w__reference(Mat<const int8_t> x, const RowQuantization* params, const ProductWeights& weights,
                                     MatF out);
void ScaleChannels_f32__reference(const float* scales, const float* bias, MatF x);

}  // namespace smx

#endif  // SMX_KERNELS_PRODUCT_H_
