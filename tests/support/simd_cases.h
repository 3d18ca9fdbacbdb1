#ifndef SMX_TESTS_SUPPORT_SIMD_CASES_H_
#define SMX_TESTS_SUPPORT_SIMD_CASES_H_

#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include <doctest/doctest.h>

#include "base/mat.h"
#include "kernels/simd/simd_kernels.h"

namespace smx::tests {

// What tests need that compare kernels of every instruction set with the reference's.

/// A matrix whose rows are `gap` values further apart than they are long; the gaps hold a number that must stay.
struct Matrix {
  static constexpr float kGap = 12345.0f;
  size_t rows, cols, stride;
  std::vector<float> values;

  Matrix(size_t r, size_t c, size_t gap = 0) : rows(r), cols(c), stride(c + gap), values(r * (c + gap), kGap) {}
  MatF mat() { return {values.data(), rows, cols, stride}; }
  ConstMatF mat() const { return {values.data(), rows, cols, stride}; }
};

/// Equal bits, but for NaN, of which there are many and of which processors choose as they like.
inline bool SameBits(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(a[i]) && std::isnan(b[i])) continue;
    if (std::memcmp(&a[i], &b[i], sizeof(float)) != 0) {
      MESSAGE("value " << i << ": " << a[i] << " and " << b[i]);
      return false;
    }
  }
  return true;
}

enum class Kind { kOrdinary, kLarge, kAnyBits };

class Numbers {
 public:
  float Next(Kind kind) {
    if (kind == Kind::kAnyBits) {
      const uint32_t bits = static_cast<uint32_t>(random_());
      float value = 0;
      std::memcpy(&value, &bits, sizeof(value));
      return value;
    }
    return normal_(random_) * (kind == Kind::kLarge ? 40.0f : 1.5f);
  }
  Matrix Make(size_t rows, size_t cols, size_t gap, Kind kind) {
    Matrix m(rows, cols, gap);
    for (size_t r = 0; r < rows; ++r) {
      for (size_t c = 0; c < cols; ++c) m.mat().Row(r)[c] = Next(kind);
    }
    return m;
  }
  std::vector<float> Vector(size_t n) { return Make(1, n, 0, Kind::kOrdinary).values; }

 private:
  std::mt19937_64 random_{20261126};
  std::normal_distribution<float> normal_;
};

/// Calls test(table, columns, kind) for each instruction set, many numbers of columns, and each kind of numbers.
template <typename Test>
void ForAll(const Test& test) {
  for (const smx::SimdKernels& kernels : smx::UsableSimdKernels()) {
    CAPTURE(kernels.isa);
    KernelTable table;
    kernels.overwrite(&table);
    for (size_t cols = 1; cols <= 100; cols += cols < 36 ? 1 : 13) {
      CAPTURE(cols);
      for (const Kind kind : {Kind::kOrdinary, Kind::kLarge, Kind::kAnyBits}) {
        CAPTURE(static_cast<int>(kind));
        test(table, cols, kind);
      }
    }
  }
}

}  // namespace smx::tests

#endif  // SMX_TESTS_SUPPORT_SIMD_CASES_H_
