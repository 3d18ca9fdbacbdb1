#include "backends/panel_product.h"

#include "kernels/product_panels.h"

namespace smx {

Status PanelProduct::Create(const ProductWeights& weights, size_t max_rows, Backend* backend) {
  weights_ = weights;
  weights_.kernel = nullptr;  // may be a made matrix, which does not stay
  SMX_TRY(backend->ReserveRowSums(max_rows));
  const PackedKey key = backend->store->KeyOf(weights, PackedKey::kPanels);
  return backend->store->FindOrPack(
      key, PanelsBytes(weights.inputs, weights.outputs), backend->log,
      [&weights](uint8_t* panels) { PackPanels(weights, panels); }, &packed_);
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
