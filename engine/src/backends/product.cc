#include "backends/product.h"

#include <algorithm>

#include "backends/packed/packed_store.h"
#include "base/checked_math.h"
#include "base/fixed_array.h"
#include "base/mapped_file.h"
#include "kernels/product_panels.h"

#if SMX_WITH_XNNPACK
#include "backends/panel_product.h"
#include "backends/xnnpack/fully_connected.h"
#endif

namespace smx {

void RepeatLastRow(RowQuantization* params, size_t rows) {
  std::fill_n(params + rows, kExtraInputRows, params[rows - 1]);
}

void ProductInputRoom::Acquire(WeightType type, size_t max_rows, size_t cols, Plan* plan) {
  type_ = type;
  if (type == WeightType::kF32) return;
  values_ = plan->Acquire("quantized_rows", Checked(max_rows) * Checked(cols) + Checked(kExtraInputBytes));
  params_ = plan->Acquire("row_quantization",
                          (Checked(max_rows) + Checked(kExtraInputRows)) * Checked(sizeof(RowQuantization)));
}

void ProductInputRoom::Acquire(const ProductWeights& weights, size_t max_rows, Plan* plan) {
  input_scales_ = weights.input_scales;
  Acquire(weights.type, max_rows, weights.inputs, plan);
}

void ProductInputRoom::AcquireForGather(WeightType type, size_t max_rows, size_t cols, Plan* plan) {
  Acquire(type, max_rows, cols, plan);
  if (type == WeightType::kF32) {
    values_ = plan->Acquire("gathered_rows", Checked(max_rows) * Checked(cols) * Checked(sizeof(float)));
  }
}

void ProductInputRoom::Release(Plan* plan) const {
  for (const BufferId id : {values_, params_}) {
    if (id.index != BufferId::kNone) plan->Release(id);
  }
}

ProductInput ProductInputRoom::LoadedForm(const Arena& arena, ConstMatF x) const {
  if (type_ == WeightType::kF32) return {x, {}, nullptr};
  return {x, DenseMat<const int8_t>(arena.Get<int8_t>(values_), x.rows, x.cols), arena.Get<RowQuantization>(params_)};
}

void ProductInputRoom::QuantizeRows(const Backend& backend, const Arena& arena, ConstMatF x, size_t first,
                                    size_t count) const {
  if (type_ == WeightType::kF32) return;
  const Mat<int8_t> values = DenseMat(arena.Get<int8_t>(values_), x.rows, x.cols);
  backend.kernels.quantize_rows(x.Rows(first, count), input_scales_, values.Rows(first, count),
                                arena.Get<RowQuantization>(params_) + first);
}

void ProductInputRoom::FinishLoad(const Arena& arena, size_t rows) const {
  if (type_ != WeightType::kF32) RepeatLastRow(arena.Get<RowQuantization>(params_), rows);
}

ProductInput ProductInputRoom::Load(const Backend& backend, const Arena& arena, ConstMatF x) const {
  const ProductInput loaded = LoadedForm(arena, x);
  if (type_ == WeightType::kF32) return loaded;
  backend.SplitRows(x.rows, x.cols, [&](size_t first, size_t count) { QuantizeRows(backend, arena, x, first, count); });
  FinishLoad(arena, x.rows);
  return loaded;
}

ProductInput ProductInputRoom::Gather(const Arena& arena, const ProductInput& loaded, const int32_t* rows,
                                      size_t count) const {
  const auto row_of = [rows](size_t i) { return static_cast<size_t>(rows[i]); };
  if (type_ == WeightType::kF32) {
    const MatF values = DenseMat(arena.Get<float>(values_), count, loaded.f32.cols);
    for (size_t i = 0; i < count; ++i) std::copy_n(loaded.f32.Row(row_of(i)), values.cols, values.Row(i));
    return {values, {}, nullptr};
  }
  const Mat<int8_t> values = DenseMat(arena.Get<int8_t>(values_), count, loaded.qd8.cols);
  auto* const params = arena.Get<RowQuantization>(params_);
  for (size_t i = 0; i < count; ++i) {
    std::copy_n(loaded.qd8.Row(row_of(i)), values.cols, values.Row(i));
    params[i] = loaded.params[row_of(i)];
  }
  FinishLoad(arena, count);
  return {{nullptr, count, values.cols, values.cols}, values, params};
}

ProductInput ProductInputRoom::KeepFirst(const Arena& arena, const ProductInput& loaded, size_t rows) const {
  ProductInput kept = loaded;
  kept.f32 = loaded.f32.Rows(0, rows);
  kept.qd8 = loaded.qd8.Rows(0, rows);
  FinishLoad(arena, rows);
  return kept;
}

/// A product that does better than the reference.
struct Product::Accelerated {
  virtual ~Accelerated() = default;
  virtual Status Create(const ProductWeights& weights, size_t max_rows, Backend* backend) = 0;
  virtual Status Multiply(const ProductInput& in, MatF out, Backend* backend) = 0;
  virtual bool has_to_finish_rows() const = 0;
  virtual void FinishRows(const Backend& backend, MatF rows) const = 0;
  virtual const PackedBlock& packed() const = 0;
};

#if SMX_WITH_XNNPACK

struct Product::ByXnnpack final : Accelerated {
  XnnpackFullyConnected fully_connected;

  Status Create(const ProductWeights& weights, size_t max_rows, Backend* backend) override {
    return fully_connected.Create(weights, max_rows, &backend->packed, backend->log);
  }
  Status Multiply(const ProductInput& in, MatF out, Backend* backend) override {
    // About 50 us of work: what it may cost to wake a thread.
    constexpr uint64_t kMacsThatPay = 2000000;
    const bool pays = uint64_t{in.rows()} * in.f32.cols * out.cols >= kMacsThatPay;
    return fully_connected.Run(in.qd8, in.params, out, pays ? backend->threads.handle() : nullptr);
  }
  bool has_to_finish_rows() const override { return true; }
  void FinishRows(const Backend& backend, MatF rows) const override {
    backend.kernels.scale_channels(fully_connected.scales(), fully_connected.bias(), rows);
  }
  const PackedBlock& packed() const override { return *fully_connected.packed(); }
};

struct Product::ByPanels final : Accelerated {
  PanelProduct product;

  Status Create(const ProductWeights& weights, size_t max_rows, Backend* backend) override {
    return product.Create(weights, max_rows, backend);
  }
  Status Multiply(const ProductInput& in, MatF out, Backend* backend) override {
    product.Run(in.qd8, in.params, out, backend);
    return Status::kOk;
  }
  bool has_to_finish_rows() const override { return false; }
  void FinishRows(const Backend&, MatF) const override {}
  const PackedBlock& packed() const override { return product.packed(); }
};

Status RunXnnpackProductOnce(const ProductWeights& weights, Mat<const int8_t> x, const RowQuantization* params,
                             MatF out, const Log& log) {
  XnnpackFullyConnected product;
  SMX_TRY(product.Create(weights, x.rows, /*packed=*/nullptr, log));
  SMX_TRY(product.Run(x, params, out, nullptr));
  ScaleChannels_f32__reference(product.scales(), product.bias(), out);
  return Status::kOk;
}

Status RunPanelProductOnce(const ProductWeights& weights, Mat<const int8_t> x, const RowQuantization* params, MatF out,
                           const Log&) {
  const KernelTable kernels = MakeKernelTable(/*fast=*/true);
  if (kernels.product_panels == nullptr) return Status::kUnsupported;
  const size_t bytes = PanelsBytes(weights.inputs, weights.outputs);
  FixedArray<int32_t> panels;
  SMX_TRY(panels.Allocate(bytes / sizeof(int32_t)));
  auto* const packed = reinterpret_cast<uint8_t*>(panels.data());
  PackPanels(weights, packed);
  FixedArray<int32_t> row_sums;
  SMX_TRY(row_sums.Allocate(x.rows));
  kernels.sum_rows(x.data, static_cast<ptrdiff_t>(x.stride), x.rows, x.cols, row_sums.data());
  kernels.product_panels({x, params, row_sums.data()}, weights, packed, 0, NumPanels(weights.outputs), out);
  return Status::kOk;
}

#else

Status RunXnnpackProductOnce(const ProductWeights&, Mat<const int8_t>, const RowQuantization*, MatF, const Log&) {
  return Status::kUnsupported;
}

Status RunPanelProductOnce(const ProductWeights&, Mat<const int8_t>, const RowQuantization*, MatF, const Log&) {
  return Status::kUnsupported;
}

#endif

Product::Product() = default;
Product::~Product() = default;

Status Product::Create(const ProductWeights& weights, size_t max_rows, Backend* backend) {
  weights_ = weights;
  if (weights.type == WeightType::kF32 || !backend->has_fast_int8()) return Status::kOk;
#if SMX_WITH_XNNPACK
  if (backend->int8_products == Int8Products::kPanels) {
    accelerated_ = MakeUnique<ByPanels>();
  } else {
    accelerated_ = MakeUnique<ByXnnpack>();
  }
#endif
  if (accelerated_ == nullptr) return Status::kOutOfMemory;
  return accelerated_->Create(weights, max_rows, backend);
}

Status Product::Multiply(const ProductInput& in, MatF out, Backend* backend) {
  if (accelerated_ == nullptr) {
    RunUnpackedProduct(weights_, in, out, backend);
    return Status::kOk;
  }
  backend->macs += uint64_t{in.rows()} * weights_.inputs * weights_.outputs;
  return accelerated_->Multiply(in, out, backend);
}

void Product::FinishRows(const Backend& backend, MatF rows) const {
  if (accelerated_ != nullptr) accelerated_->FinishRows(backend, rows);
}

bool HasProductOfColumns(const ProductWeights& weights, const Backend& backend) {
  return backend.has_product_of_columns && weights.type == WeightType::kQc8w && weights.outputs_first &&
         weights.input_scales == nullptr;
}

Checked ProductOfColumnsBytes(size_t inputs, size_t cols) {
  const Checked rounded_inputs = Checked(inputs) + Checked(kPanelInputs);
  const Checked column_bytes = rounded_inputs + Checked(ColumnPanelBytes(0) / kPanelOutputs);
  return (Checked(cols) + Checked(kPanelOutputs)) * column_bytes;
}

void RunProductOfColumns(const ProductWeights& weights, ConstMatF x, uint8_t* room, MatF out, Backend* backend) {
  const KernelTable& kernels = backend->kernels;
  int32_t* const row_sums = backend->row_sums.data();
  kernels.sum_rows(weights.Row<int8_t>(0), weights.stride, weights.outputs, weights.inputs, row_sums);
  const size_t quantized = x.rows * kPanelOutputs;
  const size_t values = quantized + weights.outputs * PanelBytes(weights.inputs) / kMacsPerValue;
  backend->Split(NumPanels(x.cols), values, [&](size_t, size_t first, size_t count) {
    kernels.product_of_columns(x, weights, row_sums, first, count, room, out);
  });
  backend->macs += uint64_t{x.cols} * weights.inputs * weights.outputs;
}

Status Product::Run(const ProductInput& in, MatF out, Backend* backend) {
  SMX_TRY(Multiply(in, out, backend));
  if (accelerated_ == nullptr || !accelerated_->has_to_finish_rows()) return Status::kOk;
  backend->SplitRows(out.rows, out.cols,
                     [&](size_t first, size_t count) { FinishRows(*backend, out.Rows(first, count)); });
  return Status::kOk;
}

size_t Product::PackedBytes() const { return accelerated_ == nullptr ? 0 : accelerated_->packed().bytes; }

/// Of weights on the heap nothing: there a page that is given back is lost.
Span<const uint8_t> Product::MappedBytes() const {
  if (accelerated_ == nullptr || !accelerated_->packed().is_mapped) return {};
  return {accelerated_->packed().data, accelerated_->packed().bytes};
}

void Product::ReleaseWeights() const {
  const Span<const uint8_t> mapped = MappedBytes();
  if (!mapped.empty()) ReleasePages(mapped.data(), mapped.size());
}

void Product::PrefetchWeights() const {
  const Span<const uint8_t> mapped = MappedBytes();
  if (!mapped.empty()) PrefetchPages(mapped.data(), mapped.size());
}

void RunUnpackedProduct(const ProductWeights& weights, const ProductInput& in, MatF out, Backend* backend) {
  backend->macs += uint64_t{in.rows()} * weights.inputs * weights.outputs;
  const KernelTable& kernels = backend->kernels;
  backend->SplitRows(out.rows, weights.inputs * weights.outputs, [&](size_t first, size_t count) {
    if (weights.type == WeightType::kF32) {
      kernels.product_f32(in.f32.Rows(first, count), weights, out.Rows(first, count));
    } else {
      kernels.product_qd8_f32_qc8w(in.qd8.Rows(first, count), in.params + first, weights, out.Rows(first, count));
    }
  });
}

}  // namespace smx
