// Kernels around products, once for each instruction set.

#if defined(SMX_KERNELS_SIMD_PRODUCT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SMX_KERNELS_SIMD_PRODUCT_INL_H_
#undef SMX_KERNELS_SIMD_PRODUCT_INL_H_
#else
#define SMX_KERNELS_SIMD_PRODUCT_INL_H_
#endif

#include <algorithm>
#include <cstdint>

#include "kernels/product.h"
#include "kernels/simd/attention-inl.h"
#include "kernels/simd/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace smx {
namespace HWY_NAMESPACE {

/// `value(c, count)` are values of the row as a vector.
template <typename Value>
HWY_INLINE RowQuantization QuantizationOfRow(size_t n, const Value& value) {
  // A step of the minimum waits for the one before it, so there are two of them.
  Vec min[] = {hn::Zero(kF), hn::Zero(kF)}, max[] = {hn::Zero(kF), hn::Zero(kF)};
  const auto include = [&](size_t i, Vec v) {
    min[i] = hn::Min(min[i], v);
    max[i] = hn::Max(max[i], v);
  };
  size_t c = 0;
  for (; c + 2 * kWidth <= n; c += 2 * kWidth) {
    include(0, NanToZero(value(c, kWidth)));
    include(1, NanToZero(value(c + kWidth, kWidth)));
  }
  for (; c < n; c += kWidth) include(0, NanToZero(value(c, HWY_MIN(kWidth, n - c))));
  return QuantizationOf(hn::ReduceMin(kF, hn::Min(min[0], min[1])), hn::ReduceMax(kF, hn::Max(max[0], max[1])));
}

/// Four vectors at a time become one of int8.
template <typename Value>
HWY_INLINE void QuantizeRow(size_t n, const Value& value, RowQuantization params, int8_t* out) {
  const hn::RebindToSigned<F> int32s;
  const Vec inverse_scale = Set(1.0f / params.scale);
  // Adding kRound rounds half to even and leaves the integer in the low bits: finite values are far below 2^22 scales.
  // As integers, the bits of infinities are far from the others, on their side of them.
  const auto zero = hn::Sub(hn::BitCast(int32s, Set(kRound)), hn::Set(int32s, params.zero_point));
  const auto integers = [&](size_t c, size_t count) {
    const Vec scaled = NanToZero(hn::Mul(value(c, count), inverse_scale));
    return hn::Sub(hn::BitCast(int32s, hn::Add(scaled, Set(kRound))), zero);
  };
  const hn::Repartition<int16_t, F> int16s;
  const hn::Repartition<int8_t, F> int8s;
  size_t c = 0;
  for (; c + 4 * kWidth <= n; c += 4 * kWidth) {
    const auto low = hn::OrderedDemote2To(int16s, integers(c, kWidth), integers(c + kWidth, kWidth));
    const auto high = hn::OrderedDemote2To(int16s, integers(c + 2 * kWidth, kWidth), integers(c + 3 * kWidth, kWidth));
    hn::StoreU(hn::OrderedDemote2To(int8s, low, high), int8s, out + c);
  }
  const hn::Rebind<int8_t, F> few_int8s;
  for (; c < n; c += kWidth) {
    const size_t count = HWY_MIN(kWidth, n - c);
    hn::StoreN(hn::DemoteTo(few_int8s, integers(c, count)), few_int8s, out + c, count);
  }
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

/// out [n] = w x for n rows of w. Steps of a sum wait for each other, and it has an order: so several sums at a time.
inline void MultiplyRows(const ProductWeights& weights, const float* x, float* out) {
  constexpr size_t kCount = 8;
  size_t n = 0;
  for (; n + kCount <= weights.outputs; n += kCount) {
    float sums[kCount] = {};
    for (size_t k = 0; k < weights.inputs; ++k) {
      HWY_UNROLL(8) for (size_t i = 0; i < kCount; ++i) sums[i] += x[k] * weights.Row<float>(n + i)[k];
    }
    std::copy_n(sums, kCount, out + n);
  }
  for (; n < weights.outputs; ++n) {
    float sum = 0.0f;
    for (size_t k = 0; k < weights.inputs; ++k) sum += x[k] * weights.Row<float>(n)[k];
    out[n] = sum;
  }
}

inline void AddBias(const float* bias, MatF x) {
  if (bias == nullptr) return;
  for (size_t r = 0; r < x.rows; ++r) {
    float* const row = x.Row(r);
    ForColumns(x.cols, [=](size_t c, size_t count) {
      Store(hn::Add(Load(row + c, count), Load(bias + c, count)), row + c, count);
    });
  }
}

inline void ProductF32(ConstMatF x, const ProductWeights& weights, MatF out) {
  if (weights.stride < 0) return Product_f32__reference(x, weights, out);  // Toeplitz matrices
  if (weights.outputs_first) {
    for (size_t r = 0; r < x.rows; ++r) MultiplyRows(weights, x.Row(r), out.Row(r));
    return AddBias(weights.bias, out);
  }
  const ConstMatF kernel = {weights.Row<float>(0), weights.inputs, weights.outputs,
                            static_cast<size_t>(weights.stride)};
  constexpr size_t kRows = 4;
  size_t r = 0;
  for (; r + kRows <= x.rows; r += kRows) SmallProduct<kRows>(x.Rows(r, kRows), kernel, 1.0f, out.Rows(r, kRows));
  for (; r < x.rows; ++r) SmallProduct<1>(x.Rows(r, 1), kernel, 1.0f, out.Rows(r, 1));
  AddBias(weights.bias, out);
}

/// sums [kOutputs] = (x - zero_point) times as many rows of int8 weights.
template <size_t kOutputs>
HWY_INLINE void MultiplyInt8Rows(const int8_t* x, int32_t zero_point, const ProductWeights& weights, size_t n,
                                 int32_t* sums) {
  const hn::Repartition<int16_t, F> int16s;
  const hn::Rebind<int8_t, decltype(int16s)> int8s;
  constexpr size_t kLanes = 2 * kWidth;
  const auto zero = hn::Set(int16s, static_cast<int16_t>(zero_point));
  const auto load = [=](const int8_t* p, size_t count) {
    return hn::PromoteTo(int16s, count == kLanes ? hn::LoadU(int8s, p) : hn::LoadN(int8s, p, count));
  };
  VecI lower[kOutputs], upper[kOutputs];
  for (size_t i = 0; i < kOutputs; ++i) lower[i] = upper[i] = hn::Zero(kI);
  const auto add = [&](size_t k, size_t count) {
    const auto values = hn::Sub(load(x + k, count), zero);
    HWY_UNROLL(4) for (size_t i = 0; i < kOutputs; ++i) {
      const auto row = load(weights.Row<int8_t>(n + i) + k, count);
      lower[i] = hn::ReorderWidenMulAccumulate(kI, values, row, lower[i], upper[i]);
    }
  };
  size_t k = 0;
  for (; k + kLanes <= weights.inputs; k += kLanes) add(k, kLanes);
  if (k < weights.inputs) add(k, weights.inputs - k);
  for (size_t i = 0; i < kOutputs; ++i) sums[i] = hn::ReduceSum(kI, hn::Add(lower[i], upper[i]));
}

/// Of weights that nobody has packed.
inline void ProductQd8(Mat<const int8_t> x, const RowQuantization* params, const ProductWeights& weights, MatF out) {
  if (!weights.outputs_first) return Product_qd8_f32_qc8w__reference(x, params, weights, out);
  constexpr size_t kOutputs = 4;
  for (size_t r = 0; r < x.rows; ++r) {
    const auto finish = [&](size_t n, int32_t sum) {
      const float bias = weights.bias == nullptr ? 0.0f : weights.bias[n];
      out.Row(r)[n] = static_cast<float>(sum) * params[r].scale * weights.Scale(n) + bias;
    };
    int32_t sums[kOutputs];
    size_t n = 0;
    for (; n + kOutputs <= weights.outputs; n += kOutputs) {
      MultiplyInt8Rows<kOutputs>(x.Row(r), params[r].zero_point, weights, n, sums);
      for (size_t i = 0; i < kOutputs; ++i) finish(n + i, sums[i]);
    }
    for (; n < weights.outputs; ++n) {
      MultiplyInt8Rows<1>(x.Row(r), params[r].zero_point, weights, n, sums);
      finish(n, sums[0]);
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

}  // namespace HWY_NAMESPACE
}  // namespace smx
HWY_AFTER_NAMESPACE();

#endif  // SMX_KERNELS_SIMD_PRODUCT_INL_H_
