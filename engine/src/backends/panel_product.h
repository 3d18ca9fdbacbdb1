#ifndef SMX_BACKENDS_PANEL_PRODUCT_H_
#define SMX_BACKENDS_PANEL_PRODUCT_H_

#include "backends/backend.h"
#include "backends/packed/packed_store.h"
#include "base/mat.h"
#include "kernels/product.h"
#include "smx/status.h"

namespace smx {

/// An int8 product of our own, by KernelTable::product_panels.
class PanelProduct {
 public:
  /// Packs `weights`, of type kQc8w, which live in the model, unless the backend's store has them.
  ///
  /// @retval kOutOfMemory
  Status Create(const ProductWeights& weights, size_t max_rows, Backend* backend);

  /// x [rows, inputs] with kExtraInputBytes behind it; out [rows, outputs]. Panels are shared out among the threads.
  void Run(Mat<const int8_t> x, const RowQuantization* params, MatF out, Backend* backend) const;

  const PackedBlock& packed() const { return *packed_; }

 private:
  ProductWeights weights_;
  const PackedBlock* packed_ = nullptr;
};

}  // namespace smx

#endif  // SMX_BACKENDS_PANEL_PRODUCT_H_
