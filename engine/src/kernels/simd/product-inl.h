// Kernels around products, once for each instruction set: quantization of rows, the router's product.

#if defined(SMX_KERNELS_SIMD_PRODUCT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SMX_KERNELS_SIMD_PRODUCT_INL_H_
#undef SMX_KERNELS_SIMD_PRODUCT_INL_H_
#else
#define SMX_KERNELS_SIMD_PRODUCT_INL_H_
#endif

#include <algorithm>
#include <cstdint>

#include "kernels/product.h"
#include "kernels/router.h"
#include "kernels/simd/activations-inl.h"
#include "kernels/simd/attention-inl.h"
#include "kernels/simd/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace smx {
namespace HWY_NAMESPACE {

/// `value(c, count)` are values of the row as a vector.
template <typename Value>
HWY_INLINE RowQuantization QuantizationOfRow(size_t n, const Value& value) {
  Vec min = hn::Zero(kF), max = hn::Zero(kF);
  ForColumns(n, [&](size_t c, size_t count) {
    const Vec v = value(c, count);  // NaN compares with nothing
    min = hn::IfThenElse(hn::Lt(v, min), v, min);
    max = hn::IfThenElse(hn::Gt(v, max), v, max);
  });
  HWY_ALIGN float lanes[2 * kWidth];
  hn::Store(min, kF, lanes);
  hn::Store(max, kF, lanes + kWidth);
  return QuantizationOf(*std::min_element(lanes, lanes + kWidth),
                        *std::max_element(lanes + kWidth, lanes + 2 * kWidth));
}

template <typename Value>
HWY_INLINE void QuantizeRow(size_t n, const Value& value, RowQuantization params, int8_t* out) {
  const Vec inverse_scale = Set(1.0f / params.scale);
  const Vec zero_point = Set(static_cast<float>(params.zero_point));
  const Vec round = Set(kRound);
  const hn::Rebind<int8_t, F> int8s;
  const hn::RebindToSigned<F> int32s;
  ForColumns(n, [&](size_t c, size_t count) {
    // Finite values are far below 2^22 scales, where adding and taking kRound rounds half to even.
    const Vec scaled = hn::Mul(value(c, count), inverse_scale);
    Vec v = hn::Add(hn::Sub(hn::Add(scaled, round), round), zero_point);
    v = hn::IfThenElse(hn::Eq(v, v), v, zero_point);
    v = hn::IfThenElse(hn::Lt(v, Set(-128.0f)), Set(-128.0f), v);
    v = hn::IfThenElse(hn::Gt(v, Set(127.0f)), Set(127.0f), v);
    const auto bytes = hn::DemoteTo(int8s, hn::ConvertTo(int32s, v));
    if (count == kWidth) {
      hn::StoreU(bytes, int8s, out + c);
    } else {
      hn::StoreN(bytes, int8s, out + c, count);
    }
  });
}

inline void QuantizeRows(ConstMatF in, const float* input_scales, Mat<int8_t> out, RowQuantization* params) {
  for (size_t r = 0; r < in.rows; ++r) {
    const float* const row = in.Row(r);
    const auto plain = [row](size_t c, size_t count) { return Load(row + c, count); };
    const auto scaled = [=](size_t c, size_t count) {
      return hn::Mul(Load(row + c, count), Load(input_scales + c, count));
    };
    if (input_scales == nullptr) {
      params[r] = QuantizationOfRow(in.cols, plain);
      QuantizeRow(in.cols, plain, params[r], out.Row(r));
    } else {
      params[r] = QuantizationOfRow(in.cols, scaled);
      QuantizeRow(in.cols, scaled, params[r], out.Row(r));
    }
  }
}

inline void ScaleChannels(const float* scales, const float* bias, MatF x) {
  for (size_t r = 0; r < x.rows; ++r) {
    float* const row = x.Row(r);
    ForColumns(x.cols, [=](size_t c, size_t count) {
      const Vec added = bias == nullptr ? hn::Zero(kF) : Load(bias + c, count);
      Store(hn::Add(hn::Mul(Load(row + c, count), Load(scales + c, count)), added), row + c, count);
    });
  }
}

inline void RouterF32(ConstMatF x, const float* kernel, const float* bias, MatF logits, MatF probs) {
  const ConstMatF weights = DenseMat(kernel, x.cols, logits.cols);
  size_t r = 0;
  for (; r + 4 <= x.rows; r += 4) SmallProduct<4>(x.Rows(r, 4), weights, 1.0f, logits.Rows(r, 4));
  for (; r < x.rows; ++r) SmallProduct<1>(x.Rows(r, 1), weights, 1.0f, logits.Rows(r, 1));
  for (r = 0; r < x.rows; ++r) {
    float* const out = logits.Row(r);
    float* const row = probs.Row(r);
    ForColumns(logits.cols, [=](size_t c, size_t count) {
      const Vec logit = hn::Add(Load(out + c, count), Load(bias + c, count));
      Store(logit, out + c, count);
      Store(logit, row + c, count);
    });
    SoftmaxRow(row, probs.cols);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace smx
HWY_AFTER_NAMESPACE();

#endif  // SMX_KERNELS_SIMD_PRODUCT_INL_H_
