#include "kernels/product.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include <doctest/doctest.h>

using smx::ConstMatF;
using smx::DenseMat;
using smx::ProductWeights;
using smx::RowQuantization;
using smx::WeightType;

namespace {

std::vector<float> Dequantize(const std::vector<float>& in) {
  std::vector<int8_t> out(in.size());
  RowQuantization params;
  smx::QuantizeRows_f32_qd8__reference(DenseMat(in.data(), 1, in.size()), nullptr, DenseMat(out.data(), 1, in.size()),
                                       &params);
  std::vector<float> back;
  for (const int8_t value : out) back.push_back(static_cast<float>(value - params.zero_point) * params.scale);
  return back;
}

}  // namespace

TEST_CASE("quantize rows: 0 is exact, and every value is at most half a step off") {
  std::mt19937 random(7);
  std::normal_distribution<float> normal(0.3f, 2.0f);
  for (int round = 0; round < 100; ++round) {
    std::vector<float> row = {0.0f};
    for (int i = 0; i < 40; ++i) row.push_back(normal(random));
    const auto [min, max] = std::minmax_element(row.begin(), row.end());
    const float step = (*max - *min) / 255.0f;
    const std::vector<float> back = Dequantize(row);
    CHECK(back[0] == 0.0f);
    for (size_t i = 0; i < row.size(); ++i) CHECK(std::fabs(back[i] - row[i]) <= step * 1.01f);
  }
}

TEST_CASE("quantize rows: zeros behind a row change nothing") {
  const std::vector<float> row = {1.5f, -0.25f, 3.0f};
  std::vector<float> longer = row;
  longer.resize(10, 0.0f);
  const std::vector<float> short_back = Dequantize(row);
  const std::vector<float> long_back = Dequantize(longer);
  for (size_t i = 0; i < row.size(); ++i) CHECK(short_back[i] == long_back[i]);
  CHECK(long_back[9] == 0.0f);
}

TEST_CASE("quantize rows: zeros, NaN, infinities and tiny values give finite scales") {
  const float infinity = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<std::vector<float>> rows = {{0.0f, 0.0f},          {nan, 1.0f},    {nan, nan},
                                                {infinity, -infinity}, {1e-42f, 0.0f}, {3e38f, -3e38f}};
  for (const std::vector<float>& row : rows) {
    for (const float value : Dequantize(row)) CHECK(std::isfinite(value));
  }
  CHECK(Dequantize({0.0f, 0.0f}) == std::vector<float>{0.0f, 0.0f});
}

TEST_CASE("quantize rows: with input scales as the same rows multiplied by them before, ones as without") {
  std::mt19937 random(11);
  std::normal_distribution<float> normal(0.3f, 2.0f);
  const float infinity = std::numeric_limits<float>::infinity();
  for (const size_t cols : {1, 3, 16, 33}) {
    constexpr size_t kRows = 3;
    std::vector<float> x, scales, multiplied;
    for (size_t c = 0; c < cols; ++c) scales.push_back(std::exp(normal(random)));
    for (size_t i = 0; i < kRows * cols; ++i) x.push_back(i == 2 * cols ? infinity : normal(random));
    for (size_t i = 0; i < x.size(); ++i) multiplied.push_back(x[i] * scales[i % cols]);
    const auto quantized = [&](const std::vector<float>& rows, const float* input_scales) {
      std::vector<int8_t> values(rows.size());
      RowQuantization params[kRows];
      smx::QuantizeRows_f32_qd8__reference(DenseMat(rows.data(), kRows, cols), input_scales,
                                           DenseMat(values.data(), kRows, cols), params);
      std::vector<double> all(values.begin(), values.end());
      for (const RowQuantization& row : params) {
        all.push_back(row.zero_point);
        all.push_back(static_cast<double>(row.scale));
      }
      return all;
    };
    CHECK(quantized(x, scales.data()) == quantized(multiplied, nullptr));
    CHECK(quantized(x, std::vector<float>(cols, 1.0f).data()) == quantized(x, nullptr));
  }
}

TEST_CASE("product f32: [2,3] x [3,2] by hand, both orders of the kernel, with and without bias") {
  const float x[] = {1, 2, 3, 4, 5, 6};
  const float inputs_first[] = {1, 10, 2, 20, 3, 30};
  const float outputs_first[] = {1, 2, 3, 10, 20, 30};
  const float bias[] = {0.5f, -0.5f};
  float out[4];
  ProductWeights weights;
  weights.inputs = 3;
  weights.outputs = 2;
  weights.stride = 2;
  weights.kernel = inputs_first;
  smx::Product_f32__reference(DenseMat(x, 2, 3), weights, DenseMat(out, 2, 2));
  CHECK(out[0] == 14.0f);
  CHECK(out[1] == 140.0f);
  CHECK(out[2] == 32.0f);
  CHECK(out[3] == 320.0f);

  weights.outputs_first = true;
  weights.stride = 3;
  weights.kernel = outputs_first;
  weights.bias = bias;
  smx::Product_f32__reference(DenseMat(x, 2, 3), weights, DenseMat(out, 2, 2));
  CHECK(out[0] == 14.5f);
  CHECK(out[3] == 319.5f);
}

TEST_CASE(
    "product f32: a Toeplitz matrix [3,3] is a view of its vector of five, its leading block and first rows are, too") {
  // 3 4 5
  // 2 3 4
  // 1 2 3
  const float vector[] = {1, 2, 3, 4, 5};
  const float x[] = {1, 10, 100};
  ProductWeights weights;
  weights.outputs_first = true;
  weights.inputs = 3;
  weights.outputs = 3;
  weights.stride = -1;
  weights.kernel = vector + 2;
  const auto product = [&](size_t inputs, size_t outputs) {
    weights.inputs = inputs;
    weights.outputs = outputs;
    std::vector<float> out(outputs);
    smx::Product_f32__reference(DenseMat(x, 1, inputs), weights, DenseMat(out.data(), 1, outputs));
    return out;
  };
  CHECK(product(3, 3) == std::vector<float>{543, 432, 321});
  CHECK(product(2, 2) == std::vector<float>{43, 32});
  CHECK(product(3, 1) == std::vector<float>{543});
}

TEST_CASE("product qd8-qc8w: [1,2] x a Toeplitz matrix [2,2] by hand, one scale for all outputs") {
  // 3 5
  // 2 3
  const int8_t vector[] = {2, 3, 5};
  const int8_t x[] = {4, 11};
  const RowQuantization params = {1, 0.5f};
  const float scale = 2.0f;
  ProductWeights weights;
  weights.type = WeightType::kQc8w;
  weights.outputs_first = true;
  weights.inputs = 2;
  weights.outputs = 2;
  weights.stride = -1;
  weights.kernel = vector + 1;
  weights.scales = &scale;
  weights.has_one_scale = true;
  float out[2];
  smx::Product_qd8_f32_qc8w__reference(DenseMat(x, 1, 2), &params, weights, DenseMat(out, 1, 2));
  CHECK(out[0] == 59.0f);  // 3 * 3 + 10 * 5
  CHECK(out[1] == 36.0f);  // 3 * 2 + 10 * 3
}

TEST_CASE("product qd8-qc8w: [1,2] x [2,2] by hand, with zero points, scales and bias") {
  const int8_t x[] = {5, -3};
  const RowQuantization params = {1, 0.5f};
  const int8_t kernel[] = {2, -1, 4, 7};
  const float scales[] = {1.0f, 2.0f};
  const float bias[] = {0.0f, 1.0f};
  ProductWeights weights;
  weights.type = WeightType::kQc8w;
  weights.inputs = 2;
  weights.outputs = 2;
  weights.stride = 2;
  weights.kernel = kernel;
  weights.scales = scales;
  weights.bias = bias;
  float out[2];
  // (5-1)*2 + (-3-1)*4 = -8; (5-1)*-1 + (-3-1)*7 = -32
  smx::Product_qd8_f32_qc8w__reference(DenseMat(x, 1, 2), &params, weights, DenseMat(out, 1, 2));
  CHECK(out[0] == -4.0f);
  CHECK(out[1] == -31.0f);
}
