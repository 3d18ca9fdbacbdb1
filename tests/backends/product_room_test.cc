// What products read behind the end of their inputs lies inside of the buffers that were planned for them.

#include "backends/product.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>
#include <vector>

#include <doctest/doctest.h>

#include "kernels/activations.h"
#include "kernels/kernel_table.h"
#include "kernels/product_panels.h"
#include "support/guarded_bytes.h"
#include "support/random_model.h"

#if SMX_WITH_XNNPACK
#include "backends/xnnpack/fully_connected.h"
#endif

using smx::Arena;
using smx::DenseMat;
using smx::Plan;
using smx::PlannedBuffer;
using smx::ProductInput;
using smx::ProductInputRoom;
using smx::ProductWeights;
using smx::RowQuantization;
using smx::Status;
using smx::WeightType;
using smx::tests::GuardedBytes;
using smx::tests::Random;

namespace {

/// Bytes of the planned buffer that begins at `begin`, which lies in the arena at `base`; 0 when none does.
size_t BytesOf(const Plan& plan, const uint8_t* base, const void* begin) {
  for (const PlannedBuffer& buffer : plan.buffers()) {
    if (base + buffer.offset_bytes == begin) return buffer.bytes;
  }
  return 0;
}

}  // namespace

TEST_CASE("product input: behind the rows and behind their quantization is as much room as a library may read") {
  const smx::Backend backend;
  for (size_t rows = 1; rows <= 66; rows += 5) {
    for (size_t cols = 1; cols <= 130; cols += 3) {
      CAPTURE(rows);
      CAPTURE(cols);
      Plan plan;
      REQUIRE(plan.Init(2, 1) == Status::kOk);
      ProductInputRoom room;
      room.Acquire(WeightType::kQc8w, rows, cols, &plan);
      REQUIRE(plan.Place() == Status::kOk);
      const GuardedBytes memory(Arena::RequiredBytes(plan), GuardedBytes::Flush::kAtEnd);
      const Arena arena(plan, memory.bytes().data());
      const uint8_t* base = memory.bytes().end() - plan.placed_bytes();
      const std::vector<float> x(rows * cols, 1.0f);
      const ProductInput in = room.Load(backend, arena, DenseMat(x.data(), rows, cols));
      CHECK(BytesOf(plan, base, in.qd8.data) >= rows * cols + smx::kExtraInputBytes);
      CHECK(BytesOf(plan, base, in.params) >= (rows + smx::kExtraInputRows) * sizeof(RowQuantization));
      for (size_t i = 0; i < smx::kExtraInputRows; ++i) CHECK(in.params[rows + i].scale == in.params[rows - 1].scale);
    }
  }
}

#if SMX_WITH_XNNPACK
TEST_CASE("xnnpack: its int8 product reads no further behind rows, quantization, weights and bias than it says") {
  REQUIRE(smx::InitializeXnnpack({}) == Status::kOk);
  Random random(20261130);
  for (int round = 0; round < 300; ++round) {
    const size_t rows = random.Between(1, 40), inputs = random.Between(1, 200), outputs = random.Between(1, 100);
    const bool outputs_first = random.Percent(50);
    CAPTURE(rows);
    CAPTURE(inputs);
    CAPTURE(outputs);
    CAPTURE(outputs_first);
    const auto at_end = GuardedBytes::Flush::kAtEnd;
    const GuardedBytes x(rows * inputs + smx::XnnpackExtraBytes(), at_end), kernel(inputs * outputs, at_end);
    const GuardedBytes params((rows + smx::XnnpackExtraRows()) * sizeof(RowQuantization), at_end);
    const GuardedBytes scales(outputs * sizeof(float), at_end), bias(outputs * sizeof(float), at_end);
    const GuardedBytes out(rows * outputs * sizeof(float), at_end);
    for (uint8_t& value : x.bytes()) value = static_cast<uint8_t>(random.Bits());
    for (uint8_t& value : kernel.bytes()) value = static_cast<uint8_t>(random.Between(0, 127));
    RowQuantization* quantization = reinterpret_cast<RowQuantization*>(params.bytes().data());
    std::fill_n(quantization, rows + smx::XnnpackExtraRows(), RowQuantization{3, 0.5f});
    std::fill_n(reinterpret_cast<float*>(scales.bytes().data()), outputs, 0.25f);
    std::fill_n(reinterpret_cast<float*>(bias.bytes().data()), outputs, 1.0f);
    ProductWeights weights;
    weights.type = WeightType::kQc8w;
    weights.outputs_first = outputs_first;
    weights.inputs = inputs;
    weights.outputs = outputs;
    weights.stride = outputs_first ? inputs : outputs;
    weights.kernel = kernel.bytes().data();
    weights.scales = reinterpret_cast<const float*>(scales.bytes().data());
    weights.bias = reinterpret_cast<const float*>(bias.bytes().data());
    const auto* values = reinterpret_cast<const int8_t*>(x.bytes().data());
    const smx::MatF result = DenseMat(reinterpret_cast<float*>(out.bytes().data()), rows, outputs);
    REQUIRE(smx::RunXnnpackProductOnce(weights, DenseMat(values, rows, inputs), quantization, result, {}) ==
            Status::kOk);
    std::vector<float> expected(rows * outputs);
    smx::Product_qd8_f32_qc8w__reference(DenseMat(values, rows, inputs), quantization, weights,
                                         DenseMat(expected.data(), rows, outputs));
    // Powers of two as scales: nothing is rounded, so both have the same bits.
    CHECK(std::equal(expected.begin(), expected.end(), result.data));
  }
}
#endif

namespace {

/// Few, any number, or as many as whole tiles take.
size_t SomeInputs(int round, Random* random) {
  if (round % 4 == 0) return random->Between(1, 9);
  return round % 4 == 1 ? 64 * random->Between(1, 4) : random->Between(1, 200);
}

}  // namespace

TEST_CASE("panels: any part of them gives its outputs and leaves the others, and no byte is read that is not there") {
  const smx::KernelTable kernels = smx::MakeKernelTable(true);
  if (kernels.product_panels == nullptr) return;
  Random random(20261127);
  for (int round = 0; round < 200; ++round) {
    const size_t rows = random.Between(1, 70), inputs = SomeInputs(round, &random), outputs = random.Between(1, 150);
    CAPTURE(rows);
    CAPTURE(inputs);
    CAPTURE(outputs);
    const auto at_end = GuardedBytes::Flush::kAtEnd;
    const GuardedBytes x(rows * inputs, at_end), kernel(inputs * outputs, at_end);
    const GuardedBytes params(rows * sizeof(RowQuantization), at_end), scales(outputs * sizeof(float), at_end);
    const GuardedBytes out(rows * outputs * sizeof(float), at_end);
    const GuardedBytes panels(smx::PanelsBytes(inputs, outputs), at_end);
    for (uint8_t& value : x.bytes()) value = static_cast<uint8_t>(random.Bits());
    for (uint8_t& value : kernel.bytes()) value = static_cast<uint8_t>(random.Bits());
    auto* const quantization = reinterpret_cast<RowQuantization*>(params.bytes().data());
    for (size_t r = 0; r < rows; ++r) quantization[r] = {static_cast<int32_t>(random.Between(0, 255)) - 128, 0.5f};
    auto* const channel_scales = reinterpret_cast<float*>(scales.bytes().data());
    std::fill_n(channel_scales, outputs, 0.25f);
    ProductWeights weights;
    weights.type = WeightType::kQc8w;
    weights.inputs = inputs;
    weights.outputs = outputs;
    weights.stride = static_cast<std::ptrdiff_t>(outputs);
    weights.kernel = kernel.bytes().data();
    weights.scales = channel_scales;
    std::fill(panels.bytes().begin(), panels.bytes().end(), uint8_t{0});
    smx::PackPanels(weights, panels.bytes().data());

    const size_t num_panels = smx::NumPanels(outputs);
    const size_t first = random.Between(0, num_panels - 1), count = random.Between(1, num_panels - first);
    const size_t first_output = first * smx::kPanelOutputs;
    const size_t end_output = std::min(outputs, (first + count) * smx::kPanelOutputs);
    const auto input = DenseMat(reinterpret_cast<const int8_t*>(x.bytes().data()), rows, inputs);
    std::vector<float> expected(rows * outputs);
    smx::Product_qd8_f32_qc8w__reference(input, quantization, weights, DenseMat(expected.data(), rows, outputs));
    constexpr float kUntouched = -7.5f;
    for (size_t i = 0; i < expected.size(); ++i) {
      if (i % outputs < first_output || i % outputs >= end_output) expected[i] = kUntouched;
    }
    auto* const values = reinterpret_cast<float*>(out.bytes().data());
    std::fill_n(values, expected.size(), kUntouched);
    std::vector<int32_t> row_sums(rows);
    kernels.sum_rows(input.data, static_cast<std::ptrdiff_t>(inputs), rows, inputs, row_sums.data());
    kernels.product_panels({input, quantization, row_sums.data()}, weights, panels.bytes().data(), first, count,
                           DenseMat(values, rows, outputs));
    CHECK(std::equal(expected.begin(), expected.end(), values));
  }
}

namespace {

/// [outputs, columns]: the reference kernels on the transpose of `columns`, transposed.
std::vector<float> TransposedProduct(smx::ConstMatF columns, const ProductWeights& weights) {
  const size_t inputs = columns.rows, cols = columns.cols, outputs = weights.outputs;
  std::vector<float> transposed(cols * inputs), products(cols * outputs), expected(outputs * cols);
  std::vector<int8_t> values(cols * inputs);
  std::vector<RowQuantization> params(cols);
  smx::Transpose_f32__reference(columns, DenseMat(transposed.data(), cols, inputs));
  smx::QuantizeRows_f32_qd8__reference(DenseMat<const float>(transposed.data(), cols, inputs), nullptr,
                                       DenseMat(values.data(), cols, inputs), params.data());
  smx::Product_qd8_f32_qc8w__reference(DenseMat<const int8_t>(values.data(), cols, inputs), params.data(), weights,
                                       DenseMat(products.data(), cols, outputs));
  smx::Transpose_f32__reference(DenseMat<const float>(products.data(), cols, outputs),
                                DenseMat(expected.data(), outputs, cols));
  return expected;
}

}  // namespace

TEST_CASE("columns: any panels of them have the bits of products of rows, and no byte is read that is not there") {
  const smx::KernelTable kernels = smx::MakeKernelTable(true);
  if (kernels.product_of_columns == nullptr) return;
  Random random(20261128);
  for (int round = 0; round < 200; ++round) {
    const size_t inputs = SomeInputs(round, &random), outputs = random.Between(1, 150);
    const size_t cols = random.Between(1, 150);
    const bool is_toeplitz = random.Between(0, 2) == 0;
    CAPTURE(inputs);
    CAPTURE(outputs);
    CAPTURE(cols);
    CAPTURE(is_toeplitz);
    const auto at_end = GuardedBytes::Flush::kAtEnd;
    const size_t kernel_values = is_toeplitz ? inputs + outputs - 1 : inputs * outputs;
    const GuardedBytes kernel(kernel_values, at_end), x(inputs * cols * sizeof(float), at_end);
    const GuardedBytes scales((is_toeplitz ? 1 : outputs) * sizeof(float), at_end),
        bias(outputs * sizeof(float), at_end);
    const GuardedBytes out(outputs * cols * sizeof(float), at_end);
    const GuardedBytes room(smx::NumPanels(cols) * smx::ColumnPanelBytes(inputs), at_end);
    for (uint8_t& value : kernel.bytes()) value = static_cast<uint8_t>(random.Bits());
    const auto floats_of = [](const GuardedBytes& bytes) { return reinterpret_cast<float*>(bytes.bytes().data()); };
    const auto fill = [&](const GuardedBytes& bytes) {
      for (size_t i = 0; i < bytes.bytes().size() / sizeof(float); ++i) {
        floats_of(bytes)[i] = 1e-3f * (static_cast<float>(random.Between(0, 4000)) - 2000.0f);
      }
    };
    for (const GuardedBytes* bytes : {&x, &scales, &bias}) fill(*bytes);
    const float odd[] = {NAN, INFINITY, -INFINITY, 0.0f, -0.0f, 3e38f, 1e-40f};
    if (round % 3 == 0) floats_of(x)[random.Between(0, inputs * cols - 1)] = odd[random.Between(0, std::size(odd) - 1)];
    ProductWeights weights;
    weights.type = WeightType::kQc8w;
    weights.outputs_first = true;
    weights.inputs = inputs;
    weights.outputs = outputs;
    weights.stride = is_toeplitz ? -1 : static_cast<std::ptrdiff_t>(inputs);
    weights.kernel = kernel.bytes().data() + (is_toeplitz ? outputs - 1 : 0);
    weights.scales = floats_of(scales);
    weights.has_one_scale = is_toeplitz;
    weights.bias = random.Between(0, 1) == 0 ? floats_of(bias) : nullptr;

    const smx::ConstMatF columns = DenseMat<const float>(floats_of(x), inputs, cols);
    std::vector<float> expected = TransposedProduct(columns, weights);
    const size_t num_panels = smx::NumPanels(cols);
    const size_t first = random.Between(0, num_panels - 1), count = random.Between(1, num_panels - first);
    constexpr float kUntouched = -7.5f;
    for (size_t i = 0; i < expected.size(); ++i) {
      const size_t panel = i % cols / smx::kPanelOutputs;
      if (panel < first || panel >= first + count) expected[i] = kUntouched;
    }
    std::fill_n(floats_of(out), expected.size(), kUntouched);
    std::fill(room.bytes().begin(), room.bytes().end(), uint8_t{0xa5});
    std::vector<int32_t> row_sums(outputs);
    kernels.sum_rows(weights.Row<int8_t>(0), weights.stride, outputs, inputs, row_sums.data());
    kernels.product_of_columns(columns, weights, row_sums.data(), first, count, room.bytes().data(),
                               DenseMat(floats_of(out), outputs, cols));
    CHECK(std::memcmp(floats_of(out), expected.data(), expected.size() * sizeof(float)) == 0);
  }
}
