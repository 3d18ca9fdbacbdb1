#include "backends/panel_product.h"

#include "kernels/product_panels.h"

namespace smx {

Status PanelProduct::Create(const ProductWeights& weights, size_t max_rows, Backend* backend) {
  weights_ = weights;
  weights_.kernel = nullptr;  // may be a made matrix, which does not stay
  SMX_TRY(backend->ReserveRowSums(max_rows));
  PackedStore* const store = backend->store;
  const size_t bytes = PanelsBytes(weights.inputs, weights.outputs);
  const PackedKey key = store->KeyOf(weights, PackedKey::kPanels);
  PackedBlock* block = store->Find(key);
  if (block == nullptr || !PackedStore::Prove(block, bytes, backend->log)) {
    auto* const panels = static_cast<uint8_t*>(store->Reserve(bytes));
    if (panels == nullptr) return Status::kOutOfMemory;
    PackPanels(weights, panels);
    block = store->Insert(key);
  }
  packed_ = block;
  return Status::kOk;
}

void PanelProduct::Run(Mat<const int8_t> x, const RowQuantization* params, MatF out, Backend* backend) const {
  const KernelTable& kernels = backend->kernels;
  int32_t* const row_sums = backend->row_sums.data();
  kernels.sum_rows(x.data, static_cast<ptrdiff_t>(x.stride), x.rows, x.cols, row_sums);
  const PanelInput in = {x, params, row_sums};
  const size_t values = x.rows * PanelBytes(weights_.inputs) / kMacsPerValue;
  backend->Split(NumPanels(weights_.outputs), values, [&](size_t, size_t first, size_t count) {
    kernels.product_panels(in, weights_, packed_->data, first, count, out);
  });
}

}  // namespace smx
