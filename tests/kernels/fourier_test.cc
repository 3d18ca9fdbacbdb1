#include "kernels/fourier.h"

#include <cmath>
#include <tuple>
#include <vector>

#include <doctest/doctest.h>

using smx::DenseMat;
using smx::DftPart;
using smx::EvenLength;
using smx::OddLength;

namespace {

constexpr double kPi = 3.14159265358979323846;

}  // namespace

TEST_CASE("twiddles: halves, quarters, thirds and eighths of a turn are exact, in every octant") {
  std::vector<float> cosines(24), sines(24);
  smx::MakeTwiddles(24, cosines.data(), sines.data());
  const float half_root = std::sqrt(0.5f);
  const float root_three = 0.5f * std::sqrt(3.0f);
  for (const auto& expected : {std::tuple(0, 1.0f, 0.0f),
                               {2, root_three, 0.5f},
                               {3, half_root, half_root},
                               {4, 0.5f, root_three},
                               {6, 0.0f, 1.0f},
                               {8, -0.5f, root_three},
                               {9, -half_root, half_root},
                               {12, -1.0f, 0.0f},
                               {14, -root_three, -0.5f},
                               {15, -half_root, -half_root},
                               {18, 0.0f, -1.0f},
                               {20, 0.5f, -root_three},
                               {21, half_root, -half_root},
                               {22, root_three, -0.5f}}) {
    const int k = std::get<0>(expected);
    CAPTURE(k);
    CHECK(cosines[static_cast<size_t>(k)] == std::get<1>(expected));
    CHECK(sines[static_cast<size_t>(k)] == std::get<2>(expected));
  }
}

TEST_CASE("twiddles: within a unit in the last place of the library's, for all lengths up to 200") {
  for (size_t n = 1; n <= 200; ++n) {
    std::vector<float> cosines(n), sines(n);
    smx::MakeTwiddles(n, cosines.data(), sines.data());
    for (size_t k = 0; k < n; ++k) {
      const double angle = 2 * kPi * static_cast<double>(k) / static_cast<double>(n);
      CHECK(std::fabs(static_cast<double>(cosines[k]) - std::cos(angle)) < 6e-8);
      CHECK(std::fabs(static_cast<double>(sines[k]) - std::sin(angle)) < 6e-8);
    }
  }
}

TEST_CASE("DFT matrix: of length 3 by hand, float32 and int8") {
  std::vector<float> cosines(3), sines(3), values(4);
  std::vector<int8_t> integers(4);
  smx::MakeTwiddles(3, cosines.data(), sines.data());
  smx::FillDftMatrix(cosines.data(), 3, DftPart::kCosines, DenseMat(values.data(), 2, 2));
  CHECK(values == std::vector<float>{1.0f, 1.0f, 1.0f, -0.5f});
  smx::FillDftMatrix(cosines.data(), 3, DftPart::kCosines, DenseMat(integers.data(), 2, 2));
  CHECK(integers == std::vector<int8_t>{127, 127, 127, -64});  // 63.5 to even
  smx::FillDftMatrix(sines.data(), 3, DftPart::kSines, DenseMat(integers.data(), 1, 1));
  CHECK(integers[0] == 110);  // 127 sin(2 pi / 3)
}

TEST_CASE("fold, unfold: an even and an odd length by hand") {
  const float x[] = {1, 2, 3, 4, 5, 10, 20, 30, 40, 50};
  std::vector<float> even(6), odd(4);
  smx::Fold_f32__reference(DenseMat(x, 2, 5), DenseMat(even.data(), 2, 3), DenseMat(odd.data(), 2, 2));
  CHECK(even == std::vector<float>{1, 7, 7, 10, 70, 70});
  CHECK(odd == std::vector<float>{-3, -1, -30, -10});
  smx::Fold_f32__reference(DenseMat(x, 1, 4), DenseMat(even.data(), 1, 3), DenseMat(odd.data(), 1, 1));
  CHECK(std::vector<float>(even.begin(), even.begin() + 3) == std::vector<float>{1, 6, 3});
  CHECK(odd[0] == -2);

  const float a[] = {1, 2, 3}, b[] = {10, 20, 30}, c[] = {100, 200}, d[] = {1000, 2000};
  std::vector<float> y(5);
  smx::FoldedRow row;
  row.even = a;
  smx::Unfold_f32__reference(row, 5, y.data());
  CHECK(y == std::vector<float>{1, 2, 3, 3, 2});
  row.even_too = b;
  row.odd = c;
  row.minus_odd = d;
  smx::Unfold_f32__reference(row, 5, y.data());
  CHECK(y == std::vector<float>{11, 22 - 900, 33 - 1800, 33 + 1800, 22 + 900});
  row.sign = -1;
  smx::Unfold_f32__reference(row, 4, y.data());
  CHECK(std::vector<float>(y.begin(), y.begin() + 4) == std::vector<float>{-9, -18 + 1100, -27, -18 - 1100});
}

TEST_CASE("fold columns: an even and an odd length by hand, in two parts") {
  const float x[] = {1, 10, 2, 20, 3, 30, 4, 40, 5, 50};
  std::vector<float> even(6), odd(4);
  const auto fold = [&](size_t n, size_t first, size_t count) {
    smx::FoldColumns_f32__reference(DenseMat(x, n, 2), first, count, DenseMat(even.data(), EvenLength(n), 2),
                                    DenseMat(odd.data(), OddLength(n), 2));
  };
  fold(5, 0, 2);
  fold(5, 2, 1);
  CHECK(even == std::vector<float>{1, 10, 7, 70, 7, 70});
  CHECK(odd == std::vector<float>{-3, -30, -1, -10});
  fold(4, 0, 3);
  CHECK(even == std::vector<float>{1, 10, 6, 60, 3, 30});
  CHECK(std::vector<float>(odd.begin(), odd.begin() + 2) == std::vector<float>{-2, -20});
}

TEST_CASE("fold: lengths 1 and 2 have no odd part") {
  const float x[] = {3, 5};
  float even[2];
  for (const size_t n : {size_t{1}, size_t{2}}) {
    smx::Fold_f32__reference(DenseMat(x, 1, n), DenseMat(even, 1, EvenLength(n)), {});
    CHECK(OddLength(n) == 0);
    CHECK(std::vector<float>(even, even + n) == std::vector<float>(x, x + n));
  }
}

TEST_CASE(
    "folded sums: cosine and sine sums of a row by its halves are those of the whole row, for every length to 40") {
  for (size_t n = 1; n <= 40; ++n) {
    CAPTURE(n);
    std::vector<float> x(n), cosines(n), sines(n), even(EvenLength(n)), odd(OddLength(n));
    for (size_t j = 0; j < n; ++j) x[j] = static_cast<float>(j * j % 13) - 6.0f;
    smx::MakeTwiddles(n, cosines.data(), sines.data());
    smx::Fold_f32__reference(DenseMat(x.data(), 1, n), DenseMat(even.data(), 1, even.size()),
                             DenseMat(odd.data(), 1, odd.size()));
    std::vector<float> cosine_matrix(even.size() * even.size()), sine_matrix(odd.size() * odd.size());
    smx::FillDftMatrix(cosines.data(), n, DftPart::kCosines, DenseMat(cosine_matrix.data(), even.size(), even.size()));
    smx::FillDftMatrix(sines.data(), n, DftPart::kSines, DenseMat(sine_matrix.data(), odd.size(), odd.size()));
    for (size_t k = 0; k <= n / 2; ++k) {
      double cosine_sum = 0, sine_sum = 0, by_even = 0, by_odd = 0;
      for (size_t j = 0; j < n; ++j) {
        const double angle = 2 * kPi * static_cast<double>(j * k % n) / static_cast<double>(n);
        cosine_sum += static_cast<double>(x[j]) * std::cos(angle);
        sine_sum += static_cast<double>(x[j]) * std::sin(angle);
      }
      for (size_t j = 0; j < even.size(); ++j) {
        by_even += static_cast<double>(even[j]) * static_cast<double>(cosine_matrix[j * even.size() + k]);
      }
      for (size_t j = 0; k > 0 && k <= odd.size() && j < odd.size(); ++j) {
        by_odd += static_cast<double>(odd[j]) * static_cast<double>(sine_matrix[j * odd.size() + k - 1]);
      }
      CHECK(by_even == doctest::Approx(cosine_sum).epsilon(1e-5));
      CHECK(by_odd == doctest::Approx(sine_sum).epsilon(1e-5));
    }
  }
}
