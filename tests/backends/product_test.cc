#include "backends/product.h"

#include <algorithm>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

using smx::CheckInt8Product;
using smx::DenseMat;
using smx::Mat;
using smx::MatF;
using smx::ProductWeights;
using smx::RowQuantization;
using smx::Status;
using smx::WeightType;

namespace {

Status Right(const ProductWeights& weights, Mat<const int8_t> x, const RowQuantization* params, MatF out,
             const smx::Log&) {
  smx::Product_qd8_f32_qc8w__reference(x, params, weights, out);
  return Status::kOk;
}

/// Forgets what lies beyond the 64th input, as a library did on machines with AMX.
Status WrongBeyond64(const ProductWeights& weights, Mat<const int8_t> x, const RowQuantization* params, MatF out,
                     const smx::Log&) {
  ProductWeights cut = weights;
  cut.inputs = 64;
  smx::Product_qd8_f32_qc8w__reference({x.data, x.rows, 64, x.stride}, params, cut, out);
  return Status::kOk;
}

Status WrongForWholeTiles(const ProductWeights& weights, Mat<const int8_t> x, const RowQuantization* params, MatF out,
                          const smx::Log&) {
  smx::Product_qd8_f32_qc8w__reference(x, params, weights, out);
  if (weights.inputs % 64 == 0) out.Row(0)[0] += 0.01f;
  return Status::kOk;
}

Status WrongForManyRows(const ProductWeights& weights, Mat<const int8_t> x, const RowQuantization* params, MatF out,
                        const smx::Log&) {
  smx::Product_qd8_f32_qc8w__reference(x, params, weights, out);
  if (x.rows > 1) out.Row(x.rows - 1)[0] += 0.01f;
  return Status::kOk;
}

}  // namespace

TEST_CASE("product check: the reference passes it") {
  CHECK(CheckInt8Product(Right, false, {}) == Status::kOk);
  CHECK(CheckInt8Product(Right, true, {}) == Status::kOk);
}

TEST_CASE("product check: a product that is wrong beyond 64 inputs, for whole tiles or many rows, is refused") {
  std::string message;
  const smx::Log log = {[](void* context, const char* text) { *static_cast<std::string*>(context) = text; }, &message};
  CHECK(CheckInt8Product(WrongBeyond64, false, log) == Status::kBackendFailure);
  CHECK(message.find("the reference has") != std::string::npos);
  CHECK(CheckInt8Product(WrongBeyond64, true, {}) == Status::kBackendFailure);
  CHECK(CheckInt8Product(WrongForWholeTiles, false, {}) == Status::kBackendFailure);
  CHECK(CheckInt8Product(WrongForManyRows, false, {}) == Status::kBackendFailure);
}

namespace {

Status IsRight(const smx::Log&) { return Status::kOk; }
Status IsWrong(const smx::Log&) { return Status::kBackendFailure; }
Status IsNotThere(const smx::Log&) { return Status::kUnsupported; }
Status HasNoMemory(const smx::Log&) { return Status::kOutOfMemory; }

/// Kind that is chosen when these checks are XNNPACK's and ours, and words about it.
std::pair<smx::Int8Products, std::string> Chosen(Status (*xnnpack)(const smx::Log&),
                                                 Status (*panels)(const smx::Log&)) {
  std::string words;
  const smx::Log log = {[](void* context, const char* text) { *static_cast<std::string*>(context) += text; }, &words};
  const smx::Int8Candidate candidates[] = {{smx::Int8Products::kXnnpack, "library", xnnpack},
                                           {smx::Int8Products::kPanels, "smx", panels}};
  smx::Int8Products chosen = smx::Int8Products::kXnnpack;
  REQUIRE(ChooseRightProducts(candidates, log, &chosen) == Status::kOk);
  return {chosen, words};
}

}  // namespace

TEST_CASE("product check: a kind of products that is wrong, or not there, is replaced by the next best, with a word") {
  using smx::Int8Products;
  CHECK(Chosen(IsRight, IsRight) == std::make_pair(Int8Products::kXnnpack, std::string()));
  CHECK(Chosen(IsNotThere, IsRight) == std::make_pair(Int8Products::kPanels, std::string()));
  CHECK(Chosen(IsNotThere, IsNotThere) == std::make_pair(Int8Products::kReference, std::string()));
  const auto [second, words] = Chosen(IsWrong, IsRight);
  CHECK(second == Int8Products::kPanels);
  CHECK(words.find("library: its int8 product is wrong on this machine") == 0);
  const auto [none, all_words] = Chosen(IsWrong, IsWrong);
  CHECK(none == Int8Products::kReference);
  CHECK(all_words.find("smx: its int8 product is wrong") != std::string::npos);
  const smx::Int8Candidate without_memory[] = {{Int8Products::kXnnpack, "library", HasNoMemory}};
  Int8Products chosen = Int8Products::kXnnpack;
  CHECK(ChooseRightProducts(without_memory, {}, &chosen) == Status::kOutOfMemory);
}

TEST_CASE("product check: a product of columns that forgets the last input of an odd number is refused") {
  smx::KernelTable kernels = smx::MakeKernelTable(true);
  if (kernels.product_of_columns == nullptr) return;
  CHECK(smx::CheckProductOfColumns(kernels, {}) == Status::kOk);
  kernels.product_of_columns = [](smx::ConstMatF x, const ProductWeights& weights, const int32_t* row_sums,
                                  size_t first, size_t count, uint8_t* room, MatF out) {
    ProductWeights cut = weights;
    --cut.inputs;
    smx::MakeKernelTable(true).product_of_columns(x.Rows(0, cut.inputs), cut, row_sums, first, count, room, out);
  };
  CHECK(smx::CheckProductOfColumns(kernels, {}) == Status::kBackendFailure);
}

#if SMX_WITH_XNNPACK
namespace {

struct Kind {
  const char* name;
  smx::CheckedProductFn run;
};

/// All that this machine has.
std::vector<Kind> Kinds() {
  std::vector<Kind> kinds = {{"xnnpack", smx::RunXnnpackProductOnce}};
  if (smx::MakeKernelTable(true).product_panels != nullptr) kinds.push_back({"panels", smx::RunPanelProductOnce});
  return kinds;
}

}  // namespace

TEST_CASE("int8 product: every kind has the reference's bits on random shapes, for any number of rows") {
  smx::SharedSlot shared;
  smx::Backend backend;
  REQUIRE(backend.Create({}, /*has_int8_products=*/true, &shared) == Status::kOk);
  REQUIRE(std::string(backend.name()) != "reference");
  const unsigned seed = 3;
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 60; ++round) {
    const size_t rows = 1 + random() % (round % 10 == 0 ? 300 : 40), outputs = 1 + random() % 100;
    const size_t inputs = round % 4 == 0 ? 64 * (1 + random() % 4) : 1 + random() % 200;  // tiles take 64
    const bool is_toeplitz = random() % 3 == 0;
    const bool outputs_first = is_toeplitz || random() % 2 == 0;
    CAPTURE(rows);
    CAPTURE(inputs);
    CAPTURE(outputs);
    CAPTURE(is_toeplitz);
    std::vector<int8_t> x(rows * inputs + smx::kExtraInputBytes), kernel(inputs * outputs + inputs + outputs);
    std::vector<RowQuantization> params(rows + smx::kExtraInputRows, RowQuantization{0, 1.0f});
    std::vector<float> scales(outputs), bias(outputs), out(rows * outputs), expected(out), one_row(outputs);
    for (int8_t& value : x) value = static_cast<int8_t>(static_cast<int>(random() % 256) - 128);
    for (int8_t& value : kernel) value = static_cast<int8_t>(static_cast<int>(random() % 256) - 128);
    for (RowQuantization& row : params)
      row = {static_cast<int>(random() % 256) - 128, 0.01f + 1e-4f * static_cast<float>(random() % 100)};
    smx::RepeatLastRow(params.data(), rows);
    for (float& value : scales) value = 0.001f + 1e-5f * static_cast<float>(random() % 100);
    for (float& value : bias) value = static_cast<float>(random() % 100) - 50.0f;
    ProductWeights weights;
    weights.type = WeightType::kQc8w;
    weights.outputs_first = outputs_first;
    weights.inputs = inputs;
    weights.outputs = outputs;
    weights.stride = outputs_first ? inputs : outputs;
    weights.kernel = kernel.data();
    weights.scales = scales.data();
    weights.bias = bias.data();
    if (is_toeplitz) {
      weights.stride = -1;
      weights.kernel = kernel.data() + outputs - 1;
      weights.has_one_scale = true;
    }

    const Mat<const int8_t> input = DenseMat<const int8_t>(x.data(), rows, inputs);
    smx::Product_qd8_f32_qc8w__reference(input, params.data(), weights, DenseMat(expected.data(), rows, outputs));
    for (const Kind& kind : Kinds()) {
      CAPTURE(kind.name);
      smx::RepeatLastRow(params.data(), rows);
      std::fill(out.begin(), out.end(), std::numeric_limits<float>::quiet_NaN());
      std::fill(one_row.begin(), one_row.end(), std::numeric_limits<float>::quiet_NaN());
      REQUIRE(kind.run(weights, input, params.data(), DenseMat(out.data(), rows, outputs), {}) == Status::kOk);
      CHECK(out == expected);
      const std::vector<RowQuantization> all_params = params;
      smx::RepeatLastRow(params.data(), 1);
      REQUIRE(kind.run(weights, DenseMat<const int8_t>(x.data(), 1, inputs), params.data(),
                       DenseMat(one_row.data(), 1, outputs), {}) == Status::kOk);
      for (size_t n = 0; n < outputs; ++n) CHECK(one_row[n] == expected[n]);
      params = all_params;
    }
  }
}
#endif
