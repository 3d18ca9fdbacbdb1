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

/// What QuantizationOf gives, of many rows or columns.
struct Quantizations {
  Vec scales;
  VecI zero_points;
};

/// As the reference's function of this name.
HWY_INLINE Quantizations QuantizationsOf(Vec min, Vec max) {
  min = hn::Max(min, Set(-kLargestQuantized));
  max = hn::Min(max, Set(kLargestQuantized));
  const auto is_zero = hn::Eq(min, max);
  const Vec range = hn::Sub(hn::Div(max, Set(255.0f)), hn::Div(min, Set(255.0f)));
  const Vec scales = hn::Max(range, Set(kSmallestRowScale));
  const Vec low = hn::Div(min, scales);
  const Vec high = hn::Div(max, scales);
  const auto low_errs_less = hn::Lt(hn::Add(Set(128.0f), hn::Abs(low)), hn::Add(Set(127.0f), hn::Abs(high)));
  Vec zero = hn::IfThenElse(low_errs_less, hn::Sub(Set(-128.0f), low), hn::Sub(Set(127.0f), high));
  zero = hn::Add(hn::Min(hn::Max(zero, Set(-128.0f)), Set(127.0f)), Set(kRound));
  const VecI integers = hn::ConvertTo(kI, hn::Sub(zero, Set(kRound)));
  return {hn::IfThenElse(is_zero, Set(1.0f), scales), hn::IfThenZeroElse(hn::RebindMask(kI, is_zero), integers)};
}

struct Range {
  float min, max;
};

/// Of a row's values and 0; `value(c, count)` are values as a vector.
template <typename Value>
HWY_INLINE Range RangeOfRow(size_t n, const Value& value) {
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
  return {hn::ReduceMin(kF, hn::Min(min[0], min[1])), hn::ReduceMax(kF, hn::Max(max[0], max[1]))};
}

/// Four vectors at a time become one of int8, of rows that have so many.
template <typename Value>
HWY_INLINE void QuantizeRow(size_t n, const Value& value, Vec inverse_scale, int32_t zero_point, int8_t* out) {
  const hn::RebindToSigned<F> int32s;
  // Adding kRound rounds half to even and leaves the integer in the low bits: finite values are far below 2^22 scales.
  // As integers, the bits of infinities are far from the others, on their side of them.
  const auto zero = hn::Sub(hn::BitCast(int32s, Set(kRound)), hn::Set(int32s, zero_point));
  const auto integers = [&](size_t c, size_t count) {
    const Vec scaled = NanToZero(hn::Mul(value(c, count), inverse_scale));
    return hn::Sub(hn::BitCast(int32s, hn::Add(scaled, Set(kRound))), zero);
  };
  const hn::Repartition<int16_t, F> int16s;
  const hn::Repartition<int8_t, F> int8s;
  constexpr size_t kFour = 4 * kWidth;
  const auto quantize_four = [&](size_t c) {
    const auto low = hn::OrderedDemote2To(int16s, integers(c, kWidth), integers(c + kWidth, kWidth));
    const auto high = hn::OrderedDemote2To(int16s, integers(c + 2 * kWidth, kWidth), integers(c + 3 * kWidth, kWidth));
    hn::StoreU(hn::OrderedDemote2To(int8s, low, high), int8s, out + c);
  };
  if (n >= kFour) {  // the last ones begin early, so that they do not end late
    for (size_t c = 0; c < n; c += kFour) quantize_four(std::min(c, n - kFour));
    return;
  }
  size_t c = 0;
  const hn::Rebind<int8_t, F> few_int8s;
  for (; c < n; c += kWidth) {
    const size_t count = HWY_MIN(kWidth, n - c);
    hn::StoreN(hn::DemoteTo(few_int8s, integers(c, count)), few_int8s, out + c, count);
  }
}

/// Of as many rows as a vector has lanes.
struct RowQuantizations {
  float min[kWidth] = {}, max[kWidth] = {};
  float scales[kWidth], inverse_scales[kWidth];
  int32_t zero_points[kWidth];
};

inline HWY_NOINLINE void ChooseQuantizations(RowQuantizations* rows) {
  const Quantizations chosen = QuantizationsOf(hn::LoadU(kF, rows->min), hn::LoadU(kF, rows->max));
  hn::StoreU(chosen.scales, kF, rows->scales);
  hn::StoreU(hn::Div(Set(1.0f), chosen.scales), kF, rows->inverse_scales);
  hn::StoreU(chosen.zero_points, kI, rows->zero_points);
}

/// So many rows at most; `value(r, c, count)` are values of row r as a vector.
template <typename Value>
HWY_INLINE void QuantizeFewRows(const Value& value, Mat<int8_t> out, RowQuantization* params) {
  const auto value_of = [&value](size_t r) {
    return [&value, r](size_t c, size_t count) { return value(r, c, count); };
  };
  RowQuantizations rows;
  for (size_t r = 0; r < out.rows; ++r) {
    const Range range = RangeOfRow(out.cols, value_of(r));
    rows.min[r] = range.min;
    rows.max[r] = range.max;
  }
  ChooseQuantizations(&rows);
  for (size_t r = 0; r < out.rows; ++r) {
    params[r] = {rows.zero_points[r], rows.scales[r]};
    QuantizeRow(out.cols, value_of(r), Set(rows.inverse_scales[r]), rows.zero_points[r], out.Row(r));
  }
}

inline void QuantizeRows(ConstMatF in, const float* input_scales, Mat<int8_t> out, RowQuantization* params) {
  constexpr size_t kValuesAtOnce = 4096;  // stay in the first cache between the two passes
  const size_t most = std::min(kValuesAtOnce / (in.cols + 1) + 1, kWidth);
  for (size_t first = 0; first < in.rows; first += most) {
    const size_t count = std::min(most, in.rows - first);
    const ConstMatF rows = in.Rows(first, count);
    const auto plain = [&rows](size_t r, size_t c, size_t n) { return Load(rows.Row(r) + c, n); };
    const auto scaled = [&](size_t r, size_t c, size_t n) {
      return hn::Mul(plain(r, c, n), Load(input_scales + c, n));
    };
    if (input_scales == nullptr) {
      QuantizeFewRows(plain, out.Rows(first, count), params + first);
    } else {
      QuantizeFewRows(scaled, out.Rows(first, count), params + first);
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
