// Routers, once for each instruction set. A vector holds experts; they are few, so loops over them do without the form
// for whole vectors that ForColumns has beside that for rests.

#if defined(SMX_KERNELS_SIMD_ROUTER_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SMX_KERNELS_SIMD_ROUTER_INL_H_
#undef SMX_KERNELS_SIMD_ROUTER_INL_H_
#else
#define SMX_KERNELS_SIMD_ROUTER_INL_H_
#endif

#include <cstddef>

#include "kernels/router.h"
#include "kernels/simd/activations-inl.h"
#include "kernels/simd/attention-inl.h"
#include "kernels/simd/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace smx {
namespace HWY_NAMESPACE {

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

#if HWY_HAVE_FLOAT64

using D = hn::Repartition<double, F>;
using VecD = hn::VFromD<D>;
inline constexpr D kD;

/// The nearest bfloat16, ties to even, as a float. NaN stays NaN.
HWY_INLINE Vec Bf16(Vec x) {
  const hn::RebindToUnsigned<F> d;
  const auto bits = hn::BitCast(d, x);
  const auto is_odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(d, 1u));
  const auto rounded = hn::And(hn::Add(hn::Add(bits, hn::Set(d, 0x7fffu)), is_odd), hn::Set(d, 0xffff0000u));
  return hn::IfThenElse(hn::Eq(x, x), hn::BitCast(kF, rounded), x);
}

HWY_INLINE Vec DemoteBoth(VecD lower, VecD upper) {
  const hn::Rebind<float, D> half;
  return hn::Combine(kF, hn::DemoteTo(half, upper), hn::DemoteTo(half, lower));
}

/// Logits of kRows rows. Products of bfloat16 are exact in double, and are added in order.
template <size_t kRows>
HWY_NOINLINE void Bf16Logits(ConstMatF x, const float* kernel, const float* bias, MatF logits) {
  for (size_t c = 0; c < logits.cols; c += kWidth) {
    const size_t count = HWY_MIN(kWidth, logits.cols - c);
    VecD lower[kRows], upper[kRows];
    HWY_UNROLL(4) for (size_t r = 0; r < kRows; ++r) lower[r] = upper[r] = hn::Zero(kD);
    for (size_t k = 0; k < x.cols; ++k) {
      const Vec weights = Bf16(Load(kernel + k * logits.cols + c, count));
      const VecD lower_weights = hn::PromoteLowerTo(kD, weights), upper_weights = hn::PromoteUpperTo(kD, weights);
      HWY_UNROLL(4) for (size_t r = 0; r < kRows; ++r) {
        const VecD value = hn::PromoteLowerTo(kD, Bf16(Set(x.Row(r)[k])));
        lower[r] = hn::Add(lower[r], hn::Mul(value, lower_weights));
        upper[r] = hn::Add(upper[r], hn::Mul(value, upper_weights));
      }
    }
    const Vec added = Bf16(Load(bias + c, count));
    for (size_t r = 0; r < kRows; ++r) {
      Store(Bf16(hn::Add(Bf16(DemoteBoth(lower[r], upper[r])), added)), logits.Row(r) + c, count);
    }
  }
}

/// As in the reference, which adds up the experts in order, in float32.
HWY_INLINE void Bf16Softmax(const float* logits, size_t n, float* probs) {
  const Vec max = Set(Largest(logits, n));
  for (size_t c = 0; c < n; c += kWidth) {
    const size_t count = HWY_MIN(kWidth, n - c);
    Vec e[] = {Bf16(hn::Sub(Load(logits + c, count), max))};
    Exp(e);
    Store(Bf16(e[0]), probs + c, count);
  }
  float sum = 0.0f;
  for (size_t e = 0; e < n; ++e) sum += probs[e];
  const Vec divisor = Bf16(Set(sum));
  ForColumns(n,
             [=](size_t c, size_t count) { Store(Bf16(hn::Div(Load(probs + c, count), divisor)), probs + c, count); });
}

inline void RouterBf16(ConstMatF x, const float* kernel, const float* bias, MatF logits, MatF probs) {
  size_t r = 0;
  for (; r + 4 <= x.rows; r += 4) Bf16Logits<4>(x.Rows(r, 4), kernel, bias, logits.Rows(r, 4));
  for (; r < x.rows; ++r) Bf16Logits<1>(x.Rows(r, 1), kernel, bias, logits.Rows(r, 1));
  for (r = 0; r < x.rows; ++r) Bf16Softmax(logits.Row(r), logits.cols, probs.Row(r));
}

#endif  // HWY_HAVE_FLOAT64

}  // namespace HWY_NAMESPACE
}  // namespace smx
HWY_AFTER_NAMESPACE();

#endif  // SMX_KERNELS_SIMD_ROUTER_INL_H_
