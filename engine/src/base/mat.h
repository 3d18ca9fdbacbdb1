#ifndef SMX_BASE_MAT_H_
#define SMX_BASE_MAT_H_

#include <cstddef>

namespace smx {

/// A view of a row-major matrix [rows, cols] that somebody else owns; row r begins at data + r * stride.
template <typename T>
struct Mat {
  T* data = nullptr;
  size_t rows = 0;
  size_t cols = 0;
  size_t stride = 0;

  T* Row(size_t r) const { return data + r * stride; }

  /// Rows first .. first + count - 1. The caller keeps them inside.
  Mat Rows(size_t first, size_t count) const { return {Row(first), count, cols, stride}; }

  operator Mat<const T>() const { return {data, rows, cols, stride}; }  // NOLINT(google-explicit-constructor)
};

template <typename T>
Mat<T> DenseMat(T* data, size_t rows, size_t cols) {
  return {data, rows, cols, cols};
}

using MatF = Mat<float>;
using ConstMatF = Mat<const float>;

}  // namespace smx

#endif  // SMX_BASE_MAT_H_
