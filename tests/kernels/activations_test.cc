#include "kernels/activations.h"

#include <cmath>
#include <limits>
#include <vector>

#include <doctest/doctest.h>

using smx::ConstMatF;
using smx::DenseMat;
using smx::MatF;

TEST_CASE("add layer norm: a row by hand") {
  float x[] = {1, 2, 3, 4};
  const float residual[] = {1, 0, 1, 0};
  const float scale[] = {1, 1, 1, 2};
  const float bias[] = {0, 0, 0, 1};
  // x + residual = 2 2 4 4: mean 3, variance 1
  smx::AddLayerNorm_f32__reference(DenseMat(x, 1, 4), DenseMat(residual, 1, 4), scale, bias, 0.0f);
  CHECK(x[0] == -1.0f);
  CHECK(x[1] == -1.0f);
  CHECK(x[2] == 1.0f);
  CHECK(x[3] == 3.0f);
}

TEST_CASE("add layer norm: a constant row becomes the bias") {
  float x[] = {5, 5, 5};
  const float scale[] = {2, 2, 2};
  const float bias[] = {1, 2, 3};
  smx::AddLayerNorm_f32__reference(DenseMat(x, 1, 3), {}, scale, bias, 1e-12f);
  CHECK(x[0] == 1.0f);
  CHECK(x[1] == 2.0f);
  CHECK(x[2] == 3.0f);
}

TEST_CASE("gelu: values of the tanh form, and its ends") {
  float x[] = {0.0f, 1.0f, -1.0f, 20.0f, -20.0f};
  smx::Gelu_f32__reference(DenseMat(x, 1, 5));
  CHECK(x[0] == 0.0f);
  CHECK(x[1] == doctest::Approx(0.841192).epsilon(1e-6));
  CHECK(x[2] == doctest::Approx(-0.158808).epsilon(1e-5));
  CHECK(x[3] == 20.0f);
  CHECK(x[4] == 0.0f);
}

TEST_CASE("gelu: values of the exact form, and its ends") {
  float x[] = {0.0f, 1.0f, -1.0f, 20.0f, -20.0f, 2.5f};
  smx::GeluErf_f32__reference(DenseMat(x, 1, 6));
  CHECK(x[0] == 0.0f);
  CHECK(x[1] == doctest::Approx(0.8413447).epsilon(1e-6));
  CHECK(x[2] == doctest::Approx(-0.1586553).epsilon(1e-5));
  CHECK(x[3] == 20.0f);
  CHECK(x[4] == 0.0f);
  CHECK(x[5] == doctest::Approx(2.4844758).epsilon(1e-6));
  // Rows of a wider matrix: what lies between them stays.
  float wide[] = {1.0f, 7.0f, -1.0f, 7.0f};
  smx::GeluErf_f32__reference({wide, 2, 1, 2});
  CHECK(wide[0] == x[1]);
  CHECK(wide[2] == x[2]);
  CHECK(wide[1] == 7.0f);
  CHECK(wide[3] == 7.0f);
}

TEST_CASE("softmax: sums to one, survives large values, is even over the lowest number") {
  const float lowest = std::numeric_limits<float>::lowest();
  float x[] = {1000.0f, 1000.0f + std::log(3.0f), lowest, lowest};
  smx::Softmax_f32__reference(DenseMat(x, 2, 2));
  CHECK(x[0] == doctest::Approx(0.25).epsilon(1e-4));
  CHECK(x[1] == doctest::Approx(0.75).epsilon(1e-4));
  CHECK(x[2] == 0.5f);
  CHECK(x[3] == 0.5f);
}

TEST_CASE("transpose: strided input, zeros behind") {
  const float in[] = {1, 2, 3, -1, 4, 5, 6, -1};
  float out[9];
  smx::Transpose_f32__reference({in, 2, 3, 4}, DenseMat(out, 3, 3));
  const float expected[] = {1, 4, 0, 2, 5, 0, 3, 6, 0};
  for (size_t i = 0; i < 9; ++i) CHECK(out[i] == expected[i]);
}

TEST_CASE("scatter: each row times its weight is added to the row that it names") {
  const float x[] = {1, 2, 3, 4, 5, 6};
  const int32_t rows[] = {2, 0, 2};
  const float weights[] = {0.5f, 10.0f, 2.0f};
  float out[] = {100, 100, 7, 7, 0, 1};
  smx::ScatterAddRows_f32__reference(DenseMat<const float>(x, 3, 2), rows, weights, DenseMat(out, 3, 2));
  const float expected[] = {130, 140, 7, 7, 10.5f, 14};
  for (size_t i = 0; i < 6; ++i) CHECK(out[i] == expected[i]);
}
