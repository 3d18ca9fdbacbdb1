// The multiply-adds that a report tells are those that ran: counted where the engine calls its product kernels and
// XNNPACK, by the arguments of the calls. An executable of its own, whose linker puts the counters in between (--wrap).

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "kernels/kernel_table.h"
#include "support/count.h"
#include "support/models.h"
#include "support/programs.h"
#include "support/random_model.h"
#include "support/session.h"

#if SMX_WITH_XNNPACK
#include <xnnpack.h>
#endif

using smx::BackendChoice;
using smx::ConstMatF;
using smx::KernelTable;
using smx::Mat;
using smx::MatF;
using smx::Model;
using smx::Options;
using smx::ProductWeights;
using smx::RowQuantization;
using smx::tests::MemoryModel;
using smx::tests::NumModels;
using smx::tests::RandomCase;
using smx::tests::Session;
using smx::tests::TokenInput;
using smx::tools::WeightsType;

namespace {

uint64_t counted_macs = 0;

}  // namespace

// The linker gives the engine's calls of NAME to __wrap_NAME, and NAME itself is __real_NAME.
#define SMX_WRAP(name, mangled, ...)                       \
  void Real##name(__VA_ARGS__) __asm__("__real_" mangled); \
  void Wrap##name(__VA_ARGS__) __asm__("__wrap_" mangled); \
  void Wrap##name(__VA_ARGS__)

SMX_WRAP(ProductF32, "_ZN3smx22Product_f32__referenceENS_3MatIKfEERKNS_14ProductWeightsENS0_IfEE", ConstMatF x,
         const ProductWeights& weights, MatF out) {
  counted_macs += uint64_t{x.rows} * weights.inputs * weights.outputs;
  RealProductF32(x, weights, out);
}

SMX_WRAP(ProductQd8,
         "_ZN3smx31Product_qd8_f32_qc8w__referenceENS_3MatIKaEEPKNS_15RowQuantizationERKNS_14ProductWeightsENS0_IfEE",
         Mat<const int8_t> x, const RowQuantization* params, const ProductWeights& weights, MatF out) {
  counted_macs += uint64_t{x.rows} * weights.inputs * weights.outputs;
  RealProductQd8(x, params, weights, out);
}

namespace {

KernelTable real_kernels;

void CountRouter(ConstMatF x, const float* kernel, const float* bias, MatF logits, MatF probs) {
  counted_macs += uint64_t{x.rows} * x.cols * logits.cols;
  real_kernels.router_f32(x, kernel, bias, logits, probs);
}

void CountBf16Router(ConstMatF x, const float* kernel, const float* bias, MatF logits, MatF probs) {
  counted_macs += uint64_t{x.rows} * x.cols * logits.cols;
  real_kernels.router_bf16(x, kernel, bias, logits, probs);
}

template <smx::AttentionHeadFn KernelTable::*kKernel>
void CountAttentionHead(ConstMatF q, ConstMatF k, ConstMatF v, const unsigned char* is_real, float* scratch, MatF out) {
  counted_macs += uint64_t{q.rows} * q.cols * k.rows;    // scores
  counted_macs += uint64_t{out.rows} * v.rows * v.cols;  // their sum of values
  (real_kernels.*kKernel)(q, k, v, is_real, scratch, out);
}

void CountProductF32(ConstMatF x, const ProductWeights& weights, MatF out) {
  const uint64_t before = counted_macs;  // the reference kernel, which may be what it calls, counts, too
  real_kernels.product_f32(x, weights, out);
  counted_macs = before + uint64_t{x.rows} * weights.inputs * weights.outputs;
}

void CountProductQd8(Mat<const int8_t> x, const RowQuantization* params, const ProductWeights& weights, MatF out) {
  const uint64_t before = counted_macs;
  real_kernels.product_qd8_f32_qc8w(x, params, weights, out);
  counted_macs = before + uint64_t{x.rows} * weights.inputs * weights.outputs;
}

void CountPanels(const smx::PanelInput& in, const ProductWeights& weights, const uint8_t* panels, size_t first,
                 size_t count, MatF out) {
  const size_t outputs = std::min(count * smx::kPanelOutputs, weights.outputs - first * smx::kPanelOutputs);
  counted_macs += uint64_t{in.x.rows} * weights.inputs * outputs;
  real_kernels.product_panels(in, weights, panels, first, count, out);
}

void CountProductOfColumns(ConstMatF x, const ProductWeights& weights, const int32_t* row_sums, size_t first,
                           size_t count, uint8_t* room, MatF out) {
  const size_t cols = std::min(count * smx::kPanelOutputs, x.cols - first * smx::kPanelOutputs);
  counted_macs += uint64_t{cols} * weights.inputs * weights.outputs;
  real_kernels.product_of_columns(x, weights, row_sums, first, count, room, out);
}

}  // namespace

// Kernels of a table are counted there; but the reference's float32 router by the product that it calls.
KernelTable RealMakeKernelTable(bool fast) __asm__("__real__ZN3smx15MakeKernelTableEb");
KernelTable WrapMakeKernelTable(bool fast) __asm__("__wrap__ZN3smx15MakeKernelTableEb");
KernelTable WrapMakeKernelTable(bool fast) {
  KernelTable table = real_kernels = RealMakeKernelTable(fast);
  if (table.router_f32 != smx::Router_f32__reference) table.router_f32 = CountRouter;
  table.router_bf16 = CountBf16Router;
  table.attention_head = CountAttentionHead<&KernelTable::attention_head>;
  table.attention_head_qs16 = CountAttentionHead<&KernelTable::attention_head_qs16>;
  table.product_f32 = CountProductF32;
  table.product_qd8_f32_qc8w = CountProductQd8;
  if (table.product_panels != nullptr) table.product_panels = CountPanels;
  if (table.product_of_columns != nullptr) table.product_of_columns = CountProductOfColumns;
  return table;
}

#if SMX_WITH_XNNPACK
namespace {

struct XnnProduct {
  size_t inputs = 0;
  size_t outputs = 0;
  size_t rows = 0;
};
std::map<xnn_operator_t, XnnProduct> xnn_products;

}  // namespace

extern "C" {
decltype(xnn_create_fully_connected_nc_qd8_f32_qc8w) __real_xnn_create_fully_connected_nc_qd8_f32_qc8w;
decltype(xnn_reshape_fully_connected_nc_qd8_f32_qc8w) __real_xnn_reshape_fully_connected_nc_qd8_f32_qc8w;
decltype(xnn_run_operator) __real_xnn_run_operator;
decltype(xnn_delete_operator) __real_xnn_delete_operator;

xnn_status __wrap_xnn_create_fully_connected_nc_qd8_f32_qc8w(size_t inputs, size_t outputs, size_t input_stride,
                                                             size_t output_stride, const float* scales,
                                                             const int8_t* kernel, const float* bias, float min,
                                                             float max, uint32_t flags, xnn_code_cache_t code_cache,
                                                             xnn_weights_cache_t weights_cache, xnn_operator_t* out) {
  const xnn_status status =
      __real_xnn_create_fully_connected_nc_qd8_f32_qc8w(inputs, outputs, input_stride, output_stride, scales, kernel,
                                                        bias, min, max, flags, code_cache, weights_cache, out);
  xnn_products[*out] = {inputs, outputs, 0};
  return status;
}

xnn_status __wrap_xnn_reshape_fully_connected_nc_qd8_f32_qc8w(xnn_operator_t op, size_t rows, pthreadpool_t threads) {
  xnn_products.at(op).rows = rows;
  return __real_xnn_reshape_fully_connected_nc_qd8_f32_qc8w(op, rows, threads);
}

xnn_status __wrap_xnn_run_operator(xnn_operator_t op, pthreadpool_t threads) {
  const XnnProduct& product = xnn_products.at(op);
  counted_macs += uint64_t{product.rows} * product.inputs * product.outputs;
  return __real_xnn_run_operator(op, threads);
}

xnn_status __wrap_xnn_delete_operator(xnn_operator_t op) {
  xnn_products.erase(op);
  return __real_xnn_delete_operator(op);
}
}
#endif

namespace {

uint64_t CountedMacs(Session* session, const TokenInput& input, bool wants_hidden) {
  counted_macs = 0;
  session->Run(input, wants_hidden);
  return counted_macs;
}

/// Runs `input` with and without dead rows, and compares what was counted with what was reported.
void CheckMacs(const Model& model, Options options, const TokenInput& input) {
  for (const bool wants_hidden : {false, true}) {
    CAPTURE(wants_hidden);
    Session lazy(model, options);
    Options all = options;
    all.skip_dead_rows = false;
    Session dense(model, all);
    const uint64_t macs = CountedMacs(&lazy, input, wants_hidden);
    const uint64_t macs_dense = CountedMacs(&dense, input, wants_hidden);
    CHECK(macs > 0);
    CHECK(lazy.encoder().report().macs == macs);
    CHECK(lazy.encoder().report().macs_dense == macs_dense);
    CHECK(dense.encoder().report().macs == macs_dense);
    CHECK(dense.encoder().report().macs_dense == macs_dense);
  }
}

}  // namespace

TEST_CASE("macs: reported as executed, for random models, lengths and batches, on every kernel") {
  constexpr uint64_t kFirstSeed = 20261129;
  const size_t count = NumModels(150);
  for (uint64_t seed = kFirstSeed; seed < kFirstSeed + count; ++seed) {
    CAPTURE(seed);
    RandomCase c(seed);
    CAPTURE(smx::tests::Describe(c.config()));
    for (const WeightsType type : {WeightsType::kF32, WeightsType::kInt8}) {
      const MemoryModel model(c.content, type);
      Options options = c.options;
      CheckMacs(*model, options, c.Input(*model));
      options.backend = BackendChoice::kReference;
      CheckMacs(*model, options, c.Input(*model));
    }
  }
}

TEST_CASE("macs: bench tells those that were executed, of as many texts as it ran") {
  const smx::tests::TemporaryFolder folder;
  struct Bench {
    std::string path;
    size_t length;
  };
  for (const Bench& bench :
       {Bench{smx::tests::GoldenModel(folder, "sparse_mixer"), 32},
        Bench{smx::tests::GoldenModel(folder, "sparse_mixer"), 5}, Bench{smx::tests::GoldenModel(folder, "bert"), 32},
        Bench{smx::tests::GoldenModel(folder, "bert"), 7}, Bench{smx::tests::ShippedModel(), 64},
        Bench{smx::tests::ShippedModel(), 9}}) {
    CAPTURE(bench.path);
    CAPTURE(bench.length);
    const Model model = smx::tools::LoadModel(bench.path);
    TokenInput input;
    input.token_ids = smx::tools::MadeUpText(model.info(), bench.length);
    Session lazy(model);
    Options all;
    all.skip_dead_rows = false;
    Session dense(model, all);
    const auto report = smx::tests::SmxJson(
        {"bench", bench.path, "--repeat", "2", "--batch", "3", "--length", std::to_string(bench.length), "--json"});
    CHECK(report.at("macs") == 3 * CountedMacs(&lazy, input, false));
    CHECK(report.at("macs_dense") == 3 * CountedMacs(&dense, input, false));
  }
}
