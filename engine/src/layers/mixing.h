#ifndef SMX_LAYERS_MIXING_H_
#define SMX_LAYERS_MIXING_H_

#include "layers/context.h"
#include "layers/mixing_attention.h"
#include "layers/mixing_linear.h"

namespace smx {

/// The one mixing that a layer has; the others stay empty.
class Mixing {
 public:
  Status Prepare(const BlockWeights& weights, MixingKind kind, const PrepareContext& context);
  Status Create(const PrepareContext& context, Backend* backend);
  /// x, out [rows, d_model]
  Status Run(const RunContext& run, ConstMatF x, MatF out);

 private:
  MixingKind kind_ = MixingKind::kLinear;
  MixingLinear linear_;
  MixingAttention attention_;
};

}  // namespace smx

#endif  // SMX_LAYERS_MIXING_H_
