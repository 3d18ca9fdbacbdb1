#include "kernels/fourier.h"

#include <algorithm>
#include <cmath>

#include "kernels/elementary.h"

namespace smx {
namespace {

constexpr double kQuarterPi = 0.78539816339744830962;

struct Point {
  double cosine, sine;
};

/// Of the angle 2 pi k / n, from one in 0..pi/4: there the library errs least, and whole fractions of a turn are exact.
Point OnCircle(size_t k, size_t n) {
  const size_t octant = 8 * k / n;
  const size_t rest = 8 * k % n;
  const size_t from_axis = octant % 2 == 0 ? rest : n - rest;
  const double angle = kQuarterPi * static_cast<double>(from_axis) / static_cast<double>(n);
  const double near = std::cos(angle);
  const double far = std::sin(angle);
  switch (octant) {
    case 0:
      return {near, far};
    case 1:
      return {far, near};
    case 2:
      return {-far, near};
    case 3:
      return {-near, far};
    case 4:
      return {-near, -far};
    case 5:
      return {-far, -near};
    case 6:
      return {far, -near};
    default:
      return {near, -far};
  }
}

void Store(float value, float* out) { *out = value; }
void Store(float value, int8_t* out) { *out = static_cast<int8_t>(RoundHalfEven(value * kDftScale)); }

template <typename T>
void FillMatrix(const float* twiddles, size_t n, DftPart part, Mat<T> out) {
  const size_t first = part == DftPart::kCosines ? 0 : 1;
  for (size_t r = 0; r < out.rows; ++r) {
    const size_t step = r + first;
    size_t turn = step * first;  // (r + first)(c + first) modulo n
    for (size_t c = 0; c < out.cols; ++c) {
      Store(twiddles[turn], out.Row(r) + c);
      turn += step;
      if (turn >= n) turn -= n;
    }
  }
}

}  // namespace

void MakeTwiddles(size_t n, float* cosines, float* sines) {
  for (size_t k = 0; k < n; ++k) {
    const Point point = OnCircle(k, n);
    cosines[k] = static_cast<float>(point.cosine);
    sines[k] = static_cast<float>(point.sine);
  }
}

void FillDftMatrix(const float* twiddles, size_t n, DftPart part, MatF out) { FillMatrix(twiddles, n, part, out); }

void FillDftMatrix(const float* twiddles, size_t n, DftPart part, Mat<int8_t> out) {
  FillMatrix(twiddles, n, part, out);
}

void Fold_f32__reference(ConstMatF in, MatF even, MatF odd) {
  const size_t n = in.cols;
  for (size_t r = 0; r < in.rows; ++r) {
    const float* x = in.Row(r);
    float* const e = even.Row(r);
    float* const o = odd.Row(r);
    e[0] = x[0];
    for (size_t j = 1; j <= odd.cols; ++j) {
      e[j] = x[j] + x[n - j];
      o[j - 1] = x[j] - x[n - j];
    }
    if (n % 2 == 0) e[n / 2] = x[n / 2];
  }
}

void FoldColumns_f32__reference(ConstMatF in, size_t first, size_t count, MatF even, MatF odd) {
  for (size_t j = first; j < first + count; ++j) {
    if (j == 0 || j > odd.rows) {
      std::copy_n(in.Row(j), in.cols, even.Row(j));
      continue;
    }
    const float* const low = in.Row(j);
    const float* const high = in.Row(in.rows - j);
    for (size_t c = 0; c < in.cols; ++c) {
      even.Row(j)[c] = low[c] + high[c];
      odd.Row(j - 1)[c] = low[c] - high[c];
    }
  }
}

void Unfold_f32__reference(const FoldedRow& row, size_t n, float* out) {
  const size_t half = n / 2;
  const size_t num_odd = OddLength(n);
  std::copy_n(row.even, half + 1, out);
  if (row.even_too != nullptr) {
    for (size_t k = 0; k <= half; ++k) out[k] += row.sign * row.even_too[k];
  }
  for (size_t k = 1; k <= num_odd; ++k) out[n - k] = out[k];
  for (size_t k = 1; k <= num_odd && row.odd != nullptr; ++k) {
    out[k] += row.odd[k - 1];
    out[n - k] -= row.odd[k - 1];
  }
  for (size_t k = 1; k <= num_odd && row.minus_odd != nullptr; ++k) {
    out[k] -= row.sign * row.minus_odd[k - 1];
    out[n - k] += row.sign * row.minus_odd[k - 1];
  }
}

}  // namespace smx
