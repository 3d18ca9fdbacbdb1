// Every kernel of kernels/kernel_table.h, the reference one and the best that this processor has, on the shapes that
// models call them with.

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "backends/backend.h"
#include "backends/product.h"
#include "base/cpu_features.h"
#include "engine.h"
#include "kernels/kernel_table.h"
#include "memory_peak.h"
#include "smx/platform.h"

#if SMX_WITH_HIGHWAY
#include "kernels/simd/simd_kernels.h"
#endif

namespace smx::bench {
namespace {

using benchmark::Counter;
using benchmark::State;

/// What the shapes of a model's kernels follow from; d_ff is that of experts, too.
struct ModelShape {
  const char* name;
  size_t num_tokens, d_model, d_ff, num_heads, num_experts;
  size_t product_rows;  // of the feed-forward product that is measured: as many as one expert takes, or a tile has
};

constexpr ModelShape kModels[] = {
    {"mixer-base", 512, 512, 2048, 8, 16, 32},   // Sparse Mixer Base, as published
    {"bert-base", 512, 768, 3072, 12, 16, 128},  // BERT Base, and a router as wide, which it has none of
    {"banking77", 16, 192, 384, 6, 4, 16},       // the shipped model, a text of the usual length
};

/// Rows that feed-forward stages compute at a time.
size_t TileRows(const ModelShape& model) { return std::min<size_t>(model.num_tokens, 128); }

/// Made-up values, aligned as an arena is.
template <typename T>
class Values {
 public:
  explicit Values(size_t count, float largest = 2) : bytes_(count * sizeof(T)), count_(count) {
    std::mt19937 random(1);
    std::uniform_real_distribution<float> values(-largest, largest);
    for (size_t i = 0; i < count; ++i) data()[i] = static_cast<T>(values(random));
  }
  T* data() const { return reinterpret_cast<T*>(bytes_.data()); }
  size_t bytes() const { return bytes_.size(); }
  Mat<T> mat(size_t cols) const { return DenseMat(data(), count_ / cols, cols); }

 private:
  tools::AlignedBytes bytes_;
  size_t count_;
};

using Floats = Values<float>;

/// Values that either gelu leaves as they are, and so as they were before in every round: an ordinary value would
/// shrink from round to round to subnormal numbers, which take longer.
Floats GeluFixedPoints(size_t count) {
  Floats x(count);
  for (size_t i = 0; i < count; ++i) x.data()[i] = 7.5f + 0.5f * x.data()[i];
  return x;
}

std::string Shape(size_t rows, size_t cols) { return std::to_string(rows) + "x" + std::to_string(cols); }

/// Measures `run`, whose shape is said behind its figures.
template <typename Run>
void Measure(State& state, const std::string& shape, const Traffic& traffic, size_t macs, const Run& run) {
  const double peak = MemoryPeak(traffic);
  const double begin = CpuSeconds();
  for (auto _ : state) {
    run();
    benchmark::ClobberMemory();
  }
  const double seconds = CpuSeconds() - begin;
  const double bytes = static_cast<double>(traffic.bytes()) * static_cast<double>(state.iterations());
  state.SetLabel(shape);
  state.SetBytesProcessed(static_cast<int64_t>(bytes));
  state.counters["peak_bytes_per_second"] = Counter(peak, Counter::kDefaults, Counter::kIs1024);
  state.counters["percent_of_peak"] = 100 * bytes / seconds / peak;
  if (macs != 0) state.counters["macs"] = Counter(static_cast<double>(macs), Counter::kIsIterationInvariantRate);
}

void QuantizeRows(State& state, QuantizeRowsFn kernel, const ModelShape& model) {
  const size_t rows = model.num_tokens, cols = model.d_model;
  const Floats in(rows * cols);
  const Values<int8_t> out(rows * cols);
  std::vector<RowQuantization> params(rows);
  const Traffic traffic = {in.bytes(), out.bytes() + rows * sizeof(RowQuantization), 0};
  Measure(state, Shape(rows, cols), traffic, 0, [&] { kernel(in.mat(cols), nullptr, out.mat(cols), params.data()); });
}

void ScaleChannels(State& state, ScaleChannelsFn kernel, const ModelShape& model) {
  const size_t rows = TileRows(model), cols = model.d_ff;
  const Floats x(rows * cols), bias(cols);
  const std::vector<float> scales(cols, -1.0f);  // so that x comes back every second time
  const Traffic traffic = {2 * bias.bytes(), 0, x.bytes()};
  Measure(state, Shape(rows, cols), traffic, 0, [&] { kernel(scales.data(), bias.data(), x.mat(cols)); });
}

void AddLayerNorm(State& state, AddLayerNormFn kernel, const ModelShape& model) {
  const size_t rows = model.num_tokens, cols = model.d_model;
  const Floats x(rows * cols), residual(rows * cols), scale(cols), bias(cols);
  const Traffic traffic = {residual.bytes() + 2 * bias.bytes(), 0, x.bytes()};
  Measure(state, Shape(rows, cols), traffic, 0,
          [&] { kernel(x.mat(cols), residual.mat(cols), scale.data(), bias.data(), 1e-12f); });
}

void Gelu(State& state, GeluFn kernel, const ModelShape& model) {
  const size_t rows = TileRows(model), cols = model.d_ff;
  const Floats x = GeluFixedPoints(rows * cols);
  Measure(state, Shape(rows, cols), {0, 0, x.bytes()}, 0, [&] { kernel(x.mat(cols)); });
}

void Softmax(State& state, SoftmaxFn kernel, const ModelShape& model) {
  const size_t n = model.num_tokens;
  const Floats x(n * n);
  Measure(state, Shape(n, n), {0, 0, x.bytes()}, 0, [&] { kernel(x.mat(n)); });
}

void Transpose(State& state, TransposeFn kernel, const ModelShape& model) {
  const size_t rows = model.num_tokens, cols = model.d_model;
  const Floats in(rows * cols), out(rows * cols);
  Measure(state, Shape(rows, cols), {in.bytes(), out.bytes(), 0}, 0, [&] { kernel(in.mat(cols), out.mat(rows)); });
}

/// What one expert gives back.
void ScatterAddRows(State& state, ScatterAddRowsFn kernel, const ModelShape& model) {
  const size_t count = model.product_rows, cols = model.d_model;
  const Floats in(count * cols), out(model.num_tokens * cols);
  const std::vector<float> weights(count, 1e-6f);
  std::vector<int32_t> rows(count);
  for (size_t i = 0; i < count; ++i) rows[i] = static_cast<int32_t>(i * model.num_tokens / count);
  Measure(state, Shape(count, cols), {in.bytes(), 0, in.bytes()}, 0,
          [&] { kernel(in.mat(cols), rows.data(), weights.data(), out.mat(cols)); });
}

void AttentionHead(State& state, AttentionHeadFn kernel, const ModelShape& model) {
  const size_t n = model.num_tokens, d_head = model.d_model / model.num_heads;
  const Floats q(n * model.d_model), k(n * model.d_model), v(n * model.d_model), out(n * model.d_model);
  const Checked floats = AttentionScratchFloats(n, d_head) + AttentionQs16ScratchFloats(n, d_head);  // enough for each
  const Floats scratch(static_cast<size_t>(floats.value()));
  const auto head = [&](const Floats& all) { return MatF{all.data(), n, d_head, model.d_model}; };
  const size_t head_bytes = n * d_head * sizeof(float);
  Measure(state, Shape(n, d_head), {3 * head_bytes, head_bytes, 0}, 2 * n * n * d_head,
          [&] { kernel(head(q), head(k), head(v), /*is_real=*/nullptr, scratch.data(), head(out)); });
}

void Fold(State& state, FoldFn kernel, const ModelShape& model) {
  const size_t rows = model.num_tokens, cols = model.d_model;
  const Floats in(rows * cols), even(rows * EvenLength(cols)), odd(rows * OddLength(cols));
  Measure(state, Shape(rows, cols), {in.bytes(), even.bytes() + odd.bytes(), 0}, 0,
          [&] { kernel(in.mat(cols), even.mat(EvenLength(cols)), odd.mat(OddLength(cols))); });
}

void FoldColumns(State& state, FoldColumnsFn kernel, const ModelShape& model) {
  const size_t n = model.num_tokens, cols = model.d_model;
  const Floats in(n * cols), even(EvenLength(n) * cols), odd(OddLength(n) * cols);
  Measure(state, Shape(n, cols), {in.bytes(), even.bytes() + odd.bytes(), 0}, 0,
          [&] { kernel(in.mat(cols), 0, EvenLength(n), even.mat(cols), odd.mat(cols)); });
}

void Unfold(State& state, UnfoldFn kernel, const ModelShape& model) {
  const size_t rows = model.num_tokens, cols = model.d_model;
  const Floats even(rows * EvenLength(cols)), odd(rows * OddLength(cols)), out(rows * cols);
  Measure(state, Shape(rows, cols), {even.bytes() + odd.bytes(), out.bytes(), 0}, 0, [&] {
    for (size_t r = 0; r < rows; ++r) {
      FoldedRow row;
      row.even = even.mat(EvenLength(cols)).Row(r);
      row.odd = odd.mat(OddLength(cols)).Row(r);
      kernel(row, cols, out.mat(cols).Row(r));
    }
  });
}

void Router(State& state, RouterFn kernel, const ModelShape& model) {
  const size_t n = model.num_tokens, d = model.d_model, experts = model.num_experts;
  const Floats x(n * d), weights(d * experts), bias(experts), logits(n * experts), probs(n * experts);
  const Traffic traffic = {x.bytes() + weights.bytes() + bias.bytes(), 2 * logits.bytes(), 0};
  Measure(state, Shape(n, d) + "x" + std::to_string(experts), traffic, n * d * experts,
          [&] { kernel(x.mat(d), weights.data(), bias.data(), logits.mat(experts), probs.mat(experts)); });
}

/// The first product of a feed-forward stage.
template <typename T>
struct ProductData {
  size_t rows, inputs, outputs;
  Floats x, scales, bias, out;
  Values<T> kernel;
  ProductWeights weights;

  ProductData(const ModelShape& model, WeightType type)
      : rows(model.product_rows),
        inputs(model.d_model),
        outputs(model.d_ff),
        x(rows * inputs),
        scales(outputs),
        bias(outputs),
        out(rows * outputs),
        kernel(inputs * outputs, 127) {
    weights.type = type;
    weights.inputs = inputs;
    weights.outputs = outputs;
    weights.stride = static_cast<ptrdiff_t>(outputs);
    weights.kernel = kernel.data();
    weights.scales = type == WeightType::kQc8w ? scales.data() : nullptr;
    weights.bias = bias.data();
  }
  std::string shape() const { return Shape(rows, inputs) + "x" + std::to_string(outputs); }
  size_t macs() const { return rows * inputs * outputs; }
};

void ProductF32(State& state, ProductF32Fn kernel, const ModelShape& model) {
  const ProductData<float> data(model, WeightType::kF32);
  const Traffic traffic = {data.x.bytes() + data.kernel.bytes() + data.bias.bytes(), data.out.bytes(), 0};
  Measure(state, data.shape(), traffic, data.macs(),
          [&] { kernel(data.x.mat(data.inputs), data.weights, data.out.mat(data.outputs)); });
}

/// Rows as they are quantized for a library's product.
struct QuantizedProductData : ProductData<int8_t> {
  Values<int8_t> values;
  std::vector<RowQuantization> params;

  explicit QuantizedProductData(const ModelShape& model)
      : ProductData(model, WeightType::kQc8w),
        values(rows * inputs + kExtraInputBytes),
        params(rows + kExtraInputRows) {
    QuantizeRows_f32_qd8__reference(x.mat(inputs), nullptr, DenseMat(values.data(), rows, inputs), params.data());
    RepeatLastRow(params.data(), rows);
  }
  ProductInput input() const { return {x.mat(inputs), DenseMat(values.data(), rows, inputs), params.data()}; }
  Traffic traffic() const {
    const size_t row_bytes = rows * (inputs + sizeof(RowQuantization));
    return {row_bytes + kernel.bytes() + scales.bytes() + bias.bytes(), out.bytes(), 0};
  }
};

/// Of weights that nobody has packed, with outputs first, as made matrices are.
void ProductQd8(State& state, ProductQd8Fn kernel, const ModelShape& model) {
  const QuantizedProductData data(model);
  const ProductInput in = data.input();
  ProductWeights weights = data.weights;
  weights.outputs_first = true;
  weights.stride = static_cast<ptrdiff_t>(data.inputs);
  Measure(state, data.shape(), data.traffic(), data.macs(),
          [&] { kernel(in.qd8, in.params, weights, data.out.mat(data.outputs)); });
}

/// Mixing along a text with byte products: quantizing the columns and summing up the rows are part of it.
void ProductOfColumns(State& state, const KernelTable& kernels, const ModelShape& model) {
  const size_t length = model.num_tokens, cols = model.d_model;
  const Floats x(length * cols), out(length * cols), scales(length);
  const Values<int8_t> matrix(length * length, 127);
  const tools::AlignedBytes room(NumPanels(cols) * ColumnPanelBytes(length));
  std::vector<int32_t> row_sums(length);
  ProductWeights weights;
  weights.type = WeightType::kQc8w;
  weights.outputs_first = true;
  weights.inputs = weights.outputs = length;
  weights.stride = static_cast<ptrdiff_t>(length);
  weights.kernel = matrix.data();
  weights.scales = scales.data();
  const Traffic traffic = {x.bytes() + matrix.bytes() + scales.bytes(), out.bytes(), 0};
  Measure(state, Shape(length, length) + "x" + std::to_string(cols), traffic, length * length * cols, [&] {
    kernels.sum_rows(matrix.data(), weights.stride, length, length, row_sums.data());
    kernels.product_of_columns(x.mat(cols), weights, row_sums.data(), 0, NumPanels(cols), room.data(), out.mat(cols));
  });
}

/// The same as the engine runs it, with all that belongs to it.
void EngineProduct(State& state, BackendChoice choice, const ModelShape& model) {
  const QuantizedProductData data(model);
  SharedSlot shared;
  Backend backend;
  Product product;
  const auto created = [&] {
    Options options;
    options.backend = choice;
    SMX_TRY(backend.Create(options, /*has_int8_products=*/true, &shared));
    SMX_TRY(product.Create(data.weights, data.rows, &backend));
    return backend.FinishCreation();
  }();
  if (created != Status::kOk) return state.SkipWithError("cannot be created here");
  Status status = Status::kOk;
  Measure(state, data.shape(), data.traffic(), data.macs(), [&] {
    const Status ran = product.Run(data.input(), data.out.mat(data.outputs), &backend);
    if (ran != Status::kOk) status = ran;
  });
  if (status != Status::kOk) state.SkipWithError("failed");
}

struct Variant {
  std::string isa;
  KernelTable table;
};

/// The reference kernels, and the best.
std::vector<Variant> Variants() {
  std::vector<Variant> variants = {{"reference", {}}};
#if SMX_WITH_HIGHWAY
  variants.push_back({UsableSimdKernels()[0].isa, MakeKernelTable(/*fast=*/true)});
#endif
  return variants;
}

template <typename Body>
void Register(const std::string& name, const ModelShape& model, const Body& body) {
  benchmark::RegisterBenchmark((name + "/" + model.name).c_str(), body)->Unit(benchmark::kMicrosecond);
}

/// The kernel in the reference's form, and in the best where that is another, for every model.
template <typename Fn>
void Register(const std::string& name, Fn KernelTable::*kernel, void (*body)(State&, Fn, const ModelShape&)) {
  for (const ModelShape& model : kModels) {
    const Fn reference = KernelTable().*kernel;
    for (const Variant& variant : Variants()) {
      const Fn fn = variant.table.*kernel;
      if (fn == reference && variant.isa != "reference") continue;
      Register(name + "__" + variant.isa, model, [=, &model](State& state) { body(state, fn, model); });
    }
  }
}

void RegisterAll() {
  Register("quantize_rows_f32_qd8", &KernelTable::quantize_rows, QuantizeRows);
  Register("scale_channels_f32", &KernelTable::scale_channels, ScaleChannels);
  Register("add_layer_norm_f32", &KernelTable::add_layer_norm, AddLayerNorm);
  Register("gelu_f32", &KernelTable::gelu, Gelu);
  Register("gelu_erf_f32", &KernelTable::gelu_erf, Gelu);
  Register("softmax_f32", &KernelTable::softmax, Softmax);
  Register("transpose_f32", &KernelTable::transpose, Transpose);
  Register("scatter_add_rows_f32", &KernelTable::scatter_add_rows, ScatterAddRows);
  Register("attention_head_f32", &KernelTable::attention_head, AttentionHead);
  Register("attention_head_f32_qs16", &KernelTable::attention_head_qs16, AttentionHead);
  Register("fold_f32", &KernelTable::fold, Fold);
  Register("fold_columns_f32", &KernelTable::fold_columns, FoldColumns);
  Register("unfold_f32", &KernelTable::unfold, Unfold);
  Register("router_f32", &KernelTable::router_f32, Router);
  Register("router_bf16", &KernelTable::router_bf16, Router);
  Register("product_f32", &KernelTable::product_f32, ProductF32);
  Register("product_qd8_f32_qc8w", &KernelTable::product_qd8_f32_qc8w, ProductQd8);
  if (SMX_WITH_XNNPACK == 0) return;
  for (const ModelShape& model : kModels) {
    Register("product_qd8_f32_qc8w__xnnpack", model,
             [&model](State& state) { EngineProduct(state, BackendChoice::kXnnpack, model); });
    const KernelTable kernels = MakeKernelTable(/*fast=*/true);
    if (kernels.product_panels == nullptr) continue;
    const std::string own = HasAmxInt8() ? "__amx" : "__vnni";
    Register("product_of_columns" + own, model,
             [kernels, &model](State& state) { ProductOfColumns(state, kernels, model); });
    Register("product_qd8_f32_qc8w" + own, model,
             [&model](State& state) { EngineProduct(state, BackendChoice::kBest, model); });
  }
}

}  // namespace
}  // namespace smx::bench

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::AddCustomContext("instruction set of kernels", smx::bench::Variants().back().isa);
  benchmark::AddCustomContext("instruction set of XNNPACK's int8 products", smx::IsaName());
  benchmark::AddCustomContext("percent_of_peak", "of what a pass over as many bytes that computes nothing reaches");
  smx::bench::RegisterAll();
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
