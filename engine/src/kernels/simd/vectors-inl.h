// What the kernels share, once for each instruction set: vectors of float, loops over rows, exp.

#if defined(SMX_KERNELS_SIMD_VECTORS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SMX_KERNELS_SIMD_VECTORS_INL_H_
#undef SMX_KERNELS_SIMD_VECTORS_INL_H_
#else
#define SMX_KERNELS_SIMD_VECTORS_INL_H_
#endif

#include <hwy/highway.h>

#include <limits>

#include "kernels/elementary.h"

HWY_BEFORE_NAMESPACE();
namespace smx {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using F = hn::ScalableTag<float>;
using Vec = hn::VFromD<F>;
inline constexpr F kF;
inline constexpr size_t kWidth = hn::MaxLanes(kF);
using I = hn::RebindToSigned<F>;
using VecI = hn::VFromD<I>;
inline constexpr I kI;
static_assert(kSumLanes % kWidth == 0);

HWY_INLINE Vec Set(float value) { return hn::Set(kF, value); }

/// `count` values from p on; what is behind them in the vector is 0.
HWY_INLINE Vec Load(const float* p, size_t count) {
  return count == kWidth ? hn::LoadU(kF, p) : hn::LoadN(kF, p, count);
}
HWY_INLINE void Store(Vec v, float* p, size_t count) {
  if (count == kWidth) {
    hn::StoreU(v, kF, p);
  } else {
    hn::StoreN(v, kF, p, count);
  }
}

/// 0 in place of NaN, as which it quantizes.
HWY_INLINE Vec NanToZero(Vec v) { return hn::IfThenElseZero(hn::Eq(v, v), v); }

/// Calls body(c, count) for the columns 0 .. n - 1, as many at a time as a vector has, the rest at last.
template <typename Body>
HWY_INLINE void ForColumns(size_t n, const Body& body) {
  size_t c = 0;
  for (; c + kWidth <= n; c += kWidth) body(c, kWidth);
  if (c < n) body(c, n - c);
}

/// As SumOfLanes adds: halves of a vector, until one lane is left.
template <class D, HWY_IF_LANES_D(D, 4)>
HWY_INLINE float SumOfHalves(D, hn::VFromD<D> v) {
  v = hn::Add(v, hn::Shuffle1032(v));
  return hn::GetLane(hn::Add(v, hn::Shuffle2301(v)));
}
template <class D, HWY_IF_LANES_GT_D(D, 4)>
HWY_INLINE float SumOfHalves(D, hn::VFromD<D> v) {
  const hn::Half<D> half;
  return SumOfHalves(half, hn::Add(hn::LowerHalf(half, v), hn::UpperHalf(half, v)));
}

inline constexpr size_t kSumVectors = kSumLanes / kWidth;

/// Sums of a row's values in the order of elementary.h: vector i of the row goes to sums[i % kSumVectors].
struct RowSums {
  Vec sums[kSumVectors];

  HWY_INLINE RowSums() {
    for (Vec& sum : sums) sum = hn::Zero(kF);
  }
  HWY_INLINE void Add(size_t i, Vec values) { sums[i] = hn::Add(sums[i], values); }
  HWY_INLINE float Total() {
    for (size_t half = kSumVectors / 2; half > 0; half /= 2) {
      for (size_t i = 0; i < half; ++i) sums[i] = hn::Add(sums[i], sums[i + half]);
    }
    return SumOfHalves(kF, sums[0]);
  }
};

/// The sum of the n values that value(c, count) gives as vectors.
template <typename Value>
HWY_INLINE float Sum(size_t n, const Value& value) {
  RowSums sums;
  size_t c = 0;
  for (; c + kSumLanes <= n; c += kSumLanes) {
    for (size_t i = 0; i < kSumVectors; ++i) sums.Add(i, value(c + i * kWidth, kWidth));
  }
  for (size_t i = 0; c < n; ++i, c += kWidth) {
    const size_t count = HWY_MIN(kWidth, n - c);
    sums.Add(i, hn::IfThenElseZero(hn::FirstN(kF, count), value(c, count)));
  }
  return sums.Total();
}

/// x[i] = body(i) for all of x.
template <size_t kCount, typename Body>
HWY_INLINE void ForEach(Vec (&x)[kCount], const Body& body) {
  HWY_UNROLL(4) for (size_t i = 0; i < kCount; ++i) x[i] = body(i);
}

/// See elementary.h.
template <size_t kCount>
HWY_INLINE void Exp(Vec (&x)[kCount]) {
  const hn::RebindToUnsigned<F> bits;
  Vec t[kCount], r[kCount], p[kCount];
  ForEach(t, [&](size_t i) { return hn::Add(hn::Mul(x[i], Set(kLog2E)), Set(kRound)); });
  ForEach(r, [&](size_t i) {
    const Vec n = hn::Sub(t[i], Set(kRound));
    return hn::Sub(hn::Sub(x[i], hn::Mul(n, Set(kLn2High))), hn::Mul(n, Set(kLn2Low)));
  });
  ForEach(p, [](size_t) { return Set(kExpTerms[4]); });
  for (size_t term = 4; term-- > 0;) {
    ForEach(p, [&](size_t i) { return hn::Add(hn::Mul(p[i], r[i]), Set(kExpTerms[term])); });
  }
  ForEach(x, [&](size_t i) {
    const Vec two_to_n =
        hn::BitCast(kF, hn::Add(hn::ShiftLeft<23>(hn::BitCast(bits, t[i])), hn::Set(bits, 0x3f800000u)));
    const Vec result = hn::Mul(hn::Add(hn::Add(hn::Mul(p[i], hn::Mul(r[i], r[i])), r[i]), Set(1.0f)), two_to_n);
    const Vec not_too_low = hn::IfThenZeroElse(hn::Lt(x[i], Set(kExpLowest)), result);
    return hn::IfThenElse(hn::Gt(x[i], Set(kExpHighest)), Set(std::numeric_limits<float>::infinity()), not_too_low);
  });
}

/// Calls op(v) for the values of a row, `v` an array of vectors, which replace them. Steps of op wait for each other,
/// so four vectors at a time go through them; at the row's end one.
template <typename Op>
HWY_INLINE void MapRow(float* row, size_t n, const Op& op) {
  constexpr size_t kCount = 4;
  size_t c = 0;
  for (; c + kCount * kWidth <= n; c += kCount * kWidth) {
    Vec v[kCount];
    ForEach(v, [&](size_t i) { return hn::LoadU(kF, row + c + i * kWidth); });
    op(v);
    for (size_t i = 0; i < kCount; ++i) hn::StoreU(v[i], kF, row + c + i * kWidth);
  }
  for (; c < n; c += kWidth) {
    const size_t count = HWY_MIN(kWidth, n - c);
    Vec v[] = {Load(row + c, count)};
    op(v);
    Store(v[0], row + c, count);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace smx
HWY_AFTER_NAMESPACE();

#endif  // SMX_KERNELS_SIMD_VECTORS_INL_H_
