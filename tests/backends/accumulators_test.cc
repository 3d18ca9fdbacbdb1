// The integers inside an int8 product: those of the reference kernel, and the same on every machine.

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "backends/product.h"

using smx::DenseMat;
using smx::MatF;
using smx::ProductWeights;
using smx::RowQuantization;
using smx::Status;

namespace {

/// Numbers that look random and are the same everywhere.
class Sequence {
 public:
  int32_t Below(uint32_t n) {
    state_ = state_ * 1664525u + 1013904223u;
    return static_cast<int32_t>((state_ >> 8) % n);
  }

 private:
  uint32_t state_ = 2024;
};

struct Shape {
  size_t rows, inputs, outputs;
};

/// Scales of 1 and no bias, so that the result is the sum itself; weights so small that float32 holds every sum.
struct Case {
  Case(const Shape& shape, bool outputs_first, Sequence* sequence)
      : x(shape.rows * shape.inputs + smx::kExtraInputBytes),
        kernel(shape.inputs * shape.outputs),
        params(shape.rows + smx::kExtraInputRows),
        scales(shape.outputs, 1.0f) {
    const int32_t largest = shape.inputs <= 517 ? 127 : 127 * 517 / static_cast<int32_t>(shape.inputs);
    for (int8_t& value : x) value = static_cast<int8_t>(sequence->Below(256) - 128);
    for (int8_t& value : kernel) {
      value = static_cast<int8_t>(sequence->Below(2 * static_cast<uint32_t>(largest) + 1) - largest);
    }
    for (RowQuantization& row : params) row = {sequence->Below(256) - 128, 1.0f};
    if (shape.inputs == 517) FillWithLargest();
    smx::RepeatLastRow(params.data(), shape.rows);
    weights.type = smx::WeightType::kQc8w;
    weights.outputs_first = outputs_first;
    weights.inputs = shape.inputs;
    weights.outputs = shape.outputs;
    weights.stride = outputs_first ? shape.inputs : shape.outputs;
    weights.kernel = kernel.data();
    weights.scales = scales.data();
  }

  /// The largest sum that float32 holds for certain: 517 * 255 * 127 = 16,743,045.
  void FillWithLargest() {
    std::fill(x.begin(), x.end(), int8_t{127});
    std::fill(kernel.begin(), kernel.end(), int8_t{127});
    std::fill(params.begin(), params.end(), RowQuantization{-128, 1.0f});
  }

  std::vector<int8_t> x, kernel;
  std::vector<RowQuantization> params;
  std::vector<float> scales;
  ProductWeights weights;
};

/// The product by the way that layers take.
std::vector<float> RunProduct(const Case& c, const Shape& shape, smx::BackendChoice choice) {
  std::vector<float> out(shape.rows * shape.outputs);
  smx::SharedSlot shared;
  smx::Backend backend;
  smx::Options options;
  options.backend = choice;
  REQUIRE(backend.Create(options, /*has_int8_products=*/true, &shared) == Status::kOk);
  REQUIRE(backend.has_fast_int8() == SMX_WITH_XNNPACK);
  smx::Product product;
  REQUIRE(product.Create(c.weights, shape.rows, &backend) == Status::kOk);
  REQUIRE(backend.FinishCreation() == Status::kOk);
  const smx::ProductInput in = {smx::ConstMatF{nullptr, shape.rows, shape.inputs, shape.inputs},
                                DenseMat<const int8_t>(c.x.data(), shape.rows, shape.inputs), c.params.data()};
  REQUIRE(product.Run(in, DenseMat(out.data(), shape.rows, shape.outputs), &backend) == Status::kOk);
  return out;
}

/// FNV-1a over the bytes of the sums as int32, lowest first.
class Checksum {
 public:
  void Add(int32_t value) {
    for (int shift = 0; shift < 32; shift += 8) {
      hash_ = (hash_ ^ ((static_cast<uint32_t>(value) >> shift) & 0xff)) * 0x100000001b3u;
    }
  }
  uint64_t value() const { return hash_; }

 private:
  uint64_t hash_ = 0xcbf29ce484222325u;
};

}  // namespace

TEST_CASE("int8 product: its integers are the reference's, and those that x86 has") {
  const std::vector<Shape> shapes = {{1, 1, 1},    {1, 517, 3},   {2, 7, 16},   {3, 8, 17},   {4, 64, 64},
                                     {5, 65, 31},  {8, 128, 128}, {9, 131, 37}, {16, 32, 77}, {17, 256, 40},
                                     {33, 100, 9}, {6, 1024, 24}, {7, 3072, 10}};
  Sequence sequence;
  Checksum checksum;
  int32_t largest = 0;
  for (const Shape& shape : shapes) {
    for (const bool outputs_first : {false, true}) {
      CAPTURE(shape.rows);
      CAPTURE(shape.inputs);
      CAPTURE(shape.outputs);
      CAPTURE(outputs_first);
      const Case c(shape, outputs_first, &sequence);
      std::vector<float> expected(shape.rows * shape.outputs);
      smx::Product_qd8_f32_qc8w__reference(DenseMat<const int8_t>(c.x.data(), shape.rows, shape.inputs),
                                           c.params.data(), c.weights,
                                           DenseMat(expected.data(), shape.rows, shape.outputs));
      CHECK(RunProduct(c, shape, smx::BackendChoice::kBest) == expected);
      CHECK(RunProduct(c, shape, smx::BackendChoice::kXnnpack) == expected);
      for (const float value : expected) {
        checksum.Add(static_cast<int32_t>(value));
        largest = std::max(largest, std::abs(static_cast<int32_t>(value)));
      }
    }
  }
  CHECK(largest == 517 * 255 * 127);
  CHECK(checksum.value() ==
        4734055857108622120u);  // as x86 computes it, with the reference kernel and with AVX-512 VNNI
}

TEST_CASE("int8 product: rows are quantized to the same values that x86 has") {
  Sequence sequence;
  Checksum checksum;
  for (const size_t cols : {1, 2, 15, 16, 17, 100, 512}) {
    std::vector<float> x(9 * cols);
    for (float& value : x) value = static_cast<float>(sequence.Below(200001) - 100000) * 1e-4f;
    std::vector<int8_t> values(x.size());
    std::vector<RowQuantization> params(9);
    smx::QuantizeRows_f32_qd8__reference(DenseMat<const float>(x.data(), 9, cols), nullptr,
                                         DenseMat(values.data(), 9, cols), params.data());
    for (const int8_t value : values) checksum.Add(value);
    for (const RowQuantization& row : params) {
      int32_t scale_bits;
      std::memcpy(&scale_bits, &row.scale, sizeof(scale_bits));
      checksum.Add(row.zero_point);
      checksum.Add(scale_bits);
    }
  }
  CHECK(checksum.value() == 11354428679955317166u);
}
