#include "backends/product.h"

#include <algorithm>

#include "base/checked_math.h"
#include "base/fixed_array.h"

#if SMX_WITH_XNNPACK
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

void ProductInputRoom::Release(Plan* plan) const {
  if (type_ == WeightType::kF32) return;
  plan->Release(values_);
  plan->Release(params_);
}

ProductInput ProductInputRoom::Load(const Backend& backend, const Arena& arena, ConstMatF x) const {
  if (type_ == WeightType::kF32) return {x, {}, nullptr};
  const Mat<int8_t> values = DenseMat(arena.Get<int8_t>(values_), x.rows, x.cols);
  RowQuantization* params = arena.Get<RowQuantization>(params_);
  backend.kernels.quantize_rows(x, input_scales_, values, params);
  RepeatLastRow(params, x.rows);
  return {x, values, params};
}

ProductInput ProductInputRoom::KeepFirst(const Arena& arena, const ProductInput& loaded, size_t rows) const {
  ProductInput kept = loaded;
  kept.f32 = loaded.f32.Rows(0, rows);
  if (type_ == WeightType::kF32) return kept;
  kept.qd8 = loaded.qd8.Rows(0, rows);
  RepeatLastRow(arena.Get<RowQuantization>(params_), rows);
  return kept;
}

#if SMX_WITH_XNNPACK

struct Product::Accelerated {
  XnnpackFullyConnected fully_connected;

  Status Create(const ProductWeights& weights, size_t max_rows, Backend* backend) {
    return fully_connected.Create(weights, max_rows, backend->packed.ProviderFor(weights), backend->log);
  }
  Status Run(const ProductInput& in, MatF out, Backend* backend) {
    return fully_connected.Run(in.qd8, in.params, out, backend->threads.handle());
  }
};

Status RunXnnpackProductOnce(const ProductWeights& weights, Mat<const int8_t> x, const RowQuantization* params,
                             MatF out, const Log& log) {
  XnnpackFullyConnected product;
  SMX_TRY(product.Create(weights, x.rows, /*packed=*/nullptr, log));
  return product.Run(x, params, out, nullptr);
}

#else

struct Product::Accelerated {
  Status Create(const ProductWeights&, size_t, Backend*) { return Status::kUnsupported; }
  Status Run(const ProductInput&, MatF, Backend*) { return Status::kUnsupported; }
};

Status RunXnnpackProductOnce(const ProductWeights&, Mat<const int8_t>, const RowQuantization*, MatF, const Log&) {
  return Status::kUnsupported;
}

#endif

Product::Product() = default;
Product::~Product() = default;

Status Product::Create(const ProductWeights& weights, size_t max_rows, Backend* backend) {
  weights_ = weights;
  if (weights.type == WeightType::kF32 || !backend->use_xnnpack) return Status::kOk;
  accelerated_ = MakeUnique<Accelerated>();
  if (accelerated_ == nullptr) return Status::kOutOfMemory;
  return accelerated_->Create(weights, max_rows, backend);
}

Status Product::Run(const ProductInput& in, MatF out, Backend* backend) {
  if (accelerated_ == nullptr) {
    RunReferenceProduct(weights_, in, out, backend);
    return Status::kOk;
  }
  backend->macs += uint64_t{in.rows()} * weights_.inputs * weights_.outputs;
  return accelerated_->Run(in, out, backend);
}

void RunReferenceProduct(const ProductWeights& weights, const ProductInput& in, MatF out, Backend* backend) {
  backend->macs += uint64_t{in.rows()} * weights.inputs * weights.outputs;
  if (weights.type == WeightType::kF32) {
    backend->kernels.product_f32(in.f32, weights, out);
  } else {
    backend->kernels.product_qd8_f32_qc8w(in.qd8, in.params, weights, out);
  }
}

}  // namespace smx
