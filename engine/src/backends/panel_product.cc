#include "backends/panel_product.h"

#include "kernels/product_panels.h"

namespace smx {

Status PanelProduct::Create(const ProductWeights& weights, PackedStore* store, const Log& log) {
  weights_ = weights;
  weights_.kernel = nullptr;  // may be a made matrix, which does not stay
  const size_t bytes = PanelsBytes(weights.inputs, weights.outputs);
  const PackedKey key = store->KeyOf(weights, PackedKey::kPanels);
  PackedBlock* block = store->Find(key);
  if (block == nullptr || !PackedStore::Prove(block, bytes, log)) {
    auto* const panels = static_cast<uint8_t*>(store->Reserve(bytes));
    if (panels == nullptr) return Status::kOutOfMemory;
    PackPanels(weights, panels);
    block = store->Insert(key);
  }
  packed_ = block;
  return Status::kOk;
}

void PanelProduct::Run(Mat<const int8_t> x, const RowQuantization* params, MatF out, const Backend& backend) const {
  const size_t values = x.rows * PanelBytes(weights_.inputs) / kMacsPerValue;
  backend.Split(NumPanels(weights_.outputs), values, [&](size_t, size_t first, size_t count) {
    backend.kernels.product_panels(x, params, weights_, packed_->data, first, count, out);
  });
}

}  // namespace smx
