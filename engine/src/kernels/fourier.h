#ifndef SMX_KERNELS_FOURIER_H_
#define SMX_KERNELS_FOURIER_H_

#include <cstddef>
#include <cstdint>

#include "base/mat.h"

namespace smx {

// A discrete Fourier transform of real numbers x [n] by products, with a quarter of the work that its matrix would
// take:
//
//   even[j]    = x[j] + x[n - j]       j in 0..n/2, but x[j] alone where j is 0 or n/2
//   odd[j - 1] = x[j] - x[n - j]       j in 1..(n - 1)/2
//   sum over j of x[j] cos(2 pi j k / n) = sum over j of even[j] cos(2 pi j k / n)      the same for k and n - k
//   sum over j of x[j] sin(2 pi j k / n) = sum over j of odd[j - 1] sin(2 pi j k / n)   of opposite sign for k and n -
//   k

/// Lengths of the even and of the odd part, and how many different cosine and sine sums there are.
inline size_t EvenLength(size_t n) { return n / 2 + 1; }
inline size_t OddLength(size_t n) { return (n - 1) / 2; }

/// even [rows, EvenLength(n)] and odd [rows, OddLength(n)] of each row of `in` [rows, n], n > 0.
using FoldFn = void (*)(ConstMatF in, MatF even, MatF odd);

/// The same of each column of `in` [n, cols]: `count` rows from `first` on of even [EvenLength(n), cols], and of odd
/// [OddLength(n), cols] row j - 1 with row j of even, where there is one.
using FoldColumnsFn = void (*)(ConstMatF in, size_t first, size_t count, MatF even, MatF odd);

/// y [n] out of two parts: y[k] = e[k] + o[k] and y[n - k] = e[k] - o[k], where e = even + sign * even_too, of
/// EvenLength(n), and o = odd - sign * minus_odd, of OddLength(n) from k = 1 on. Null counts as zeros; `even` is there.
struct FoldedRow {
  const float* even = nullptr;
  const float* even_too = nullptr;
  const float* odd = nullptr;
  const float* minus_odd = nullptr;
  float sign = 1;
};
using UnfoldFn = void (*)(const FoldedRow& row, size_t n, float* out);

/// The `cosines` and `sines` of 2 pi k / n for k in 0..n - 1, each the float next to the exact value.
void MakeTwiddles(size_t n, float* cosines, float* sines);

enum class DftPart : uint8_t { kCosines, kSines };

/// The matrix of the cosine sums [EvenLength(n), EvenLength(n)], cos(2 pi j k / n), or of the sine sums
/// [OddLength(n), OddLength(n)], sin(2 pi (j + 1)(k + 1) / n), from the twiddles of the part. int8 ones are multiplied
/// by kDftScale and rounded, half to even.
void FillDftMatrix(const float* twiddles, size_t n, DftPart part, MatF out);
void FillDftMatrix(const float* twiddles, size_t n, DftPart part, Mat<int8_t> out);
inline constexpr float kDftScale = 127.0f;

void Fold_f32__reference(ConstMatF in, MatF even, MatF odd);
void FoldColumns_f32__reference(ConstMatF in, size_t first, size_t count, MatF even, MatF odd);
void Unfold_f32__reference(const FoldedRow& row, size_t n, float* out);

}  // namespace smx

#endif  // SMX_KERNELS_FOURIER_H_
