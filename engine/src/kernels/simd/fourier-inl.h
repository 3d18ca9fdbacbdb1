// What is around the sums of a Fourier transform, once for each instruction set.

#if defined(SMX_KERNELS_SIMD_FOURIER_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SMX_KERNELS_SIMD_FOURIER_INL_H_
#undef SMX_KERNELS_SIMD_FOURIER_INL_H_
#else
#define SMX_KERNELS_SIMD_FOURIER_INL_H_
#endif

#include <algorithm>
#include <cstddef>

#include "kernels/fourier.h"
#include "kernels/simd/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace smx {
namespace HWY_NAMESPACE {

/// Calls body(c) for vectors that begin at column c and together cover 0 .. n - 1, n >= kWidth; the last one begins
/// early, so that it does not end late, and columns may come twice.
template <typename Body>
HWY_INLINE void ForOverlapping(size_t n, const Body& body) {
  for (size_t c = 0; c < n; c += kWidth) body(std::min(c, n - kWidth));
}

inline void Fold(ConstMatF in, MatF even, MatF odd) {
  if (odd.cols < kWidth) return Fold_f32__reference(in, even, odd);
  const size_t n = in.cols;
  for (size_t r = 0; r < in.rows; ++r) {
    const float* const x = in.Row(r);
    float* const e = even.Row(r);
    float* const o = odd.Row(r);
    ForOverlapping(odd.cols, [=](size_t c) {
      const Vec low = hn::LoadU(kF, x + c + 1);
      const Vec high = hn::Reverse(kF, hn::LoadU(kF, x + n - c - kWidth));
      hn::StoreU(hn::Add(low, high), kF, e + c + 1);
      hn::StoreU(hn::Sub(low, high), kF, o + c);
    });
    e[0] = x[0];
    if (n % 2 == 0) e[n / 2] = x[n / 2];
  }
}

inline void FoldColumns(ConstMatF in, size_t first, size_t count, MatF even, MatF odd) {
  for (size_t j = first; j < first + count; ++j) {
    const float* const low = in.Row(j);
    if (j == 0 || j > odd.rows) {
      std::copy_n(low, in.cols, even.Row(j));
      continue;
    }
    const float* const high = in.Row(in.rows - j);
    float* const e = even.Row(j);
    float* const o = odd.Row(j - 1);
    ForColumns(in.cols, [=](size_t c, size_t n) {
      const Vec a = Load(low + c, n);
      const Vec b = Load(high + c, n);
      Store(hn::Add(a, b), e + c, n);
      Store(hn::Sub(a, b), o + c, n);
    });
  }
}

inline void Unfold(const FoldedRow& row, size_t n, float* out) {
  const size_t num_odd = OddLength(n);
  if (num_odd < kWidth) return Unfold_f32__reference(row, n, out);
  const Vec sign = Set(row.sign);
  ForOverlapping(num_odd, [&](size_t c) {
    Vec low = hn::LoadU(kF, row.even + c + 1);
    if (row.even_too != nullptr) low = hn::Add(low, hn::Mul(sign, hn::LoadU(kF, row.even_too + c + 1)));
    Vec high = low;
    if (row.odd != nullptr) {
      const Vec odd = hn::LoadU(kF, row.odd + c);
      low = hn::Add(low, odd);
      high = hn::Sub(high, odd);
    }
    if (row.minus_odd != nullptr) {
      const Vec odd = hn::Mul(sign, hn::LoadU(kF, row.minus_odd + c));
      low = hn::Sub(low, odd);
      high = hn::Add(high, odd);
    }
    hn::StoreU(low, kF, out + c + 1);
    hn::StoreU(hn::Reverse(kF, high), kF, out + n - c - kWidth);
  });
  const auto alone = [&row](size_t k) {
    return row.even_too == nullptr ? row.even[k] : row.even[k] + row.sign * row.even_too[k];
  };
  out[0] = alone(0);
  if (n % 2 == 0) out[n / 2] = alone(n / 2);
}

}  // namespace HWY_NAMESPACE
}  // namespace smx
HWY_AFTER_NAMESPACE();

#endif  // SMX_KERNELS_SIMD_FOURIER_INL_H_
