#ifndef SMX_BACKENDS_XNNPACK_FULLY_CONNECTED_H_
#define SMX_BACKENDS_XNNPACK_FULLY_CONNECTED_H_

#include <cstddef>
#include <cstdint>

#include "backends/xnnpack/packed_weights.h"
#include "base/fixed_array.h"
#include "base/mat.h"
#include "kernels/product.h"
#include "smx/platform.h"
#include "smx/status.h"

struct xnn_operator;
struct pthreadpool;

namespace smx {

/// What the library reads behind the end of int8 rows, in bytes, and behind their quantization, in entries.
size_t XnnpackExtraBytes();
size_t XnnpackExtraRows();

/// Makes the library ready; it is process-wide, and the application may use it too.
///
/// @retval kBackendFailure, kOutOfMemory
Status InitializeXnnpack(const Log& log);

/// One int8 product of XNNPACK: qd8 activations, qc8w weights, f32 out. Belongs to one session.
///
/// Kernels of the library differ in the order in which they round a sum times the row's scale, times the channel's
/// scale, plus bias; on ARM with dot products even the one for a single row and the one for several do, so an answer
/// would depend on how many rows are computed beside it. With ones for the channels' scales and zeros for a bias all of
/// them have the same bits, on every machine; the two come after, in the reference's order, see ScaleChannelsFn.
class XnnpackFullyConnected {
 public:
  XnnpackFullyConnected() = default;
  XnnpackFullyConnected(const XnnpackFullyConnected&) = delete;
  XnnpackFullyConnected& operator=(const XnnpackFullyConnected&) = delete;
  ~XnnpackFullyConnected();

  /// Packs `weights`, of type kQc8w, unless `packed` has them, and shapes the operator for `max_rows`. `packed` may be
  /// null: the operator keeps its own.
  Status Create(const ProductWeights& weights, size_t max_rows, PackedWeights* packed, const Log& log);

  /// x is dense, [rows, inputs] with the slack above behind it; `params` as RepeatLastRow leaves them; out dense,
  /// [rows, outputs], to be scaled by scales() and bias(). No heap call.
  Status Run(Mat<const int8_t> x, const RowQuantization* params, MatF out, pthreadpool* threads);

  const float* scales() const { return scales_; }  ///< [outputs]
  const float* bias() const { return bias_; }      ///< [outputs], or null

  /// Null: the operator keeps its own.
  const PackedBlock* packed() const { return packed_; }

 private:
  Status KeepScales(const ProductWeights& weights);

  xnn_operator* operator_ = nullptr;
  const PackedBlock* packed_ = nullptr;
  FixedArray<float> repeated_scale_;  // [outputs], where the model has one for all
  const float* scales_ = nullptr;     // [outputs], the model's or those
  const float* bias_ = nullptr;
};

}  // namespace smx

#endif  // SMX_BACKENDS_XNNPACK_FULLY_CONNECTED_H_
