// Kernels of kernels/activations.h that work on rows, once for each instruction set.

#if defined(SMX_KERNELS_SIMD_ACTIVATIONS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SMX_KERNELS_SIMD_ACTIVATIONS_INL_H_
#undef SMX_KERNELS_SIMD_ACTIVATIONS_INL_H_
#else
#define SMX_KERNELS_SIMD_ACTIVATIONS_INL_H_
#endif

#include <algorithm>
#include <cmath>

#include "kernels/activations.h"
#include "kernels/simd/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace smx {
namespace HWY_NAMESPACE {

inline void AddLayerNorm(MatF x, ConstMatF residual, const float* scale, const float* bias, float epsilon) {
  const float n = static_cast<float>(x.cols);
  for (size_t r = 0; r < x.rows; ++r) {
    float* const row = x.Row(r);
    const float* const added = residual.data == nullptr ? nullptr : residual.Row(r);
    const float mean = Sum(x.cols,
                           [=](size_t c, size_t count) {
                             if (added == nullptr) return Load(row + c, count);
                             const Vec value = hn::Add(Load(row + c, count), Load(added + c, count));
                             Store(value, row + c, count);
                             return value;
                           }) /
                       n;
    const Vec center = Set(mean);
    const float squares = Sum(x.cols, [=](size_t c, size_t count) {
      const Vec difference = hn::Sub(Load(row + c, count), center);
      return hn::Mul(difference, difference);
    });
    const Vec inverse = Set(1.0f / std::sqrt(squares / n + epsilon));
    ForColumns(x.cols, [=](size_t c, size_t count) {
      const Vec normalized = hn::Mul(hn::Sub(Load(row + c, count), center), inverse);
      Store(hn::Add(hn::Mul(normalized, Load(scale + c, count)), Load(bias + c, count)), row + c, count);
    });
  }
}

/// See elementary.h.
template <size_t kCount>
HWY_INLINE void GeluOf(Vec (&v)[kCount]) {
  Vec e[kCount];
  ForEach(e, [&](size_t i) {
    const Vec cubic = hn::Add(hn::Mul(hn::Mul(v[i], v[i]), Set(kGeluCubic)), Set(1.0f));
    return hn::Mul(hn::Mul(v[i], cubic), Set(kGeluScale));
  });
  Exp(e);
  ForEach(v, [&](size_t i) { return hn::Div(v[i], hn::Add(Set(1.0f), e[i])); });
}

template <size_t kCount>
HWY_INLINE void GeluErfOf(Vec (&v)[kCount]) {
  Vec t[kCount], q[kCount];
  ForEach(t, [&](size_t i) { return hn::Div(Set(1.0f), hn::Add(Set(1.0f), hn::Mul(Set(kTailSlope), hn::Abs(v[i])))); });
  ForEach(q, [](size_t) { return Set(kTailTerms[7]); });
  for (size_t term = 7; term-- > 0;) {
    ForEach(q, [&](size_t i) { return hn::Add(hn::Mul(q[i], t[i]), Set(kTailTerms[term])); });
  }
  ForEach(q, [&](size_t i) {
    const Vec a = hn::Abs(v[i]);
    return hn::Add(hn::Mul(hn::Mul(a, a), Set(-0.5f)), q[i]);
  });
  Exp(q);
  ForEach(v, [&](size_t i) {
    const Vec part = hn::Mul(v[i], hn::Mul(t[i], q[i]));
    return hn::IfThenElse(hn::Lt(v[i], hn::Zero(kF)), part, hn::Sub(v[i], part));
  });
}

inline void Gelu(MatF x) {
  for (size_t r = 0; r < x.rows; ++r) MapRow(x.Row(r), x.cols, [](auto& v) { GeluOf(v); });
}

inline void GeluErf(MatF x) {
  for (size_t r = 0; r < x.rows; ++r) MapRow(x.Row(r), x.cols, [](auto& v) { GeluErfOf(v); });
}

/// Any number if there is a NaN: whoever asks adds up the row, too, and has NaN then.
HWY_INLINE float Largest(const float* row, size_t n) {
  Vec largest = Set(row[0]);
  size_t c = 0;
  for (; c + kWidth <= n; c += kWidth) largest = hn::Max(largest, hn::LoadU(kF, row + c));
  if (c < n) largest = hn::Max(largest, hn::IfThenElse(hn::FirstN(kF, n - c), Load(row + c, n - c), largest));
  return hn::ReduceMax(kF, largest);
}

/// exp(x - the row's largest value), whose sum is returned.
inline HWY_NOINLINE float ExpOfRow(float* row, size_t n) {
  const Vec max = Set(Largest(row, n));
  MapRow(row, n, [max](auto& v) {
    ForEach(v, [&](size_t i) { return hn::Sub(v[i], max); });
    Exp(v);
  });
  return Sum(n, [row](size_t c, size_t count) { return Load(row + c, count); });
}

inline HWY_NOINLINE void SoftmaxRow(float* row, size_t n) {
  const Vec sum = Set(ExpOfRow(row, n));
  ForColumns(n, [=](size_t c, size_t count) { Store(hn::Div(Load(row + c, count), sum), row + c, count); });
}

inline void Softmax(MatF x) {
  for (size_t r = 0; r < x.rows; ++r) SoftmaxRow(x.Row(r), x.cols);
}

inline void ScatterAddRows(ConstMatF x, const int32_t* rows, const float* weights, MatF out) {
  for (size_t r = 0; r < x.rows; ++r) {
    const float* const in = x.Row(r);
    float* const row = out.Row(static_cast<size_t>(rows[r]));
    const Vec weight = Set(weights[r]);
    ForColumns(x.cols, [=](size_t c, size_t count) {
      Store(hn::Add(Load(row + c, count), hn::Mul(weight, Load(in + c, count))), row + c, count);
    });
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace smx
HWY_AFTER_NAMESPACE();

#endif  // SMX_KERNELS_SIMD_ACTIVATIONS_INL_H_
