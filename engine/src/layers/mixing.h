#ifndef SMX_LAYERS_MIXING_H_
#define SMX_LAYERS_MIXING_H_

#include "layers/context.h"
#include "layers/mixing_attention.h"
#include "layers/mixing_fourier.h"
#include "layers/mixing_linear.h"

namespace smx {

/// The one mixing that a layer has; the others stay empty.
class Mixing {
 public:
  /// `out`: the buffer of the output; alive from the step that writes it on.
  Status Prepare(const BlockWeights& weights, size_t layer, const PrepareContext& context, BufferId* out);
  Status Create(const PrepareContext& context, Backend* backend);
  /// x [rows that are read, d_model], out [rows that are wanted, d_model], as FindLiveRows says.
  Status Run(const RunContext& run, ConstMatF x, MatF out);

 private:
  MixingKind kind_ = MixingKind::kLinear;
  MixingLinear linear_;
  MixingFourier fourier_;
  MixingAttention attention_;
};

}  // namespace smx

#endif  // SMX_LAYERS_MIXING_H_
