#include "layers/mixing.h"

namespace smx {

Status Mixing::Prepare(const BlockWeights& weights, MixingKind kind, const PrepareContext& context) {
  kind_ = kind;
  switch (kind) {
    case MixingKind::kLinear:
      return linear_.Prepare(weights.linear, context);
    case MixingKind::kAttention:
      attention_.Prepare(weights.attention, context);
      return Status::kOk;
  }
  return Status::kInternal;
}

Status Mixing::Create(const PrepareContext& context, Backend* backend) {
  switch (kind_) {
    case MixingKind::kLinear:
      return linear_.Create(context, backend);
    case MixingKind::kAttention:
      return attention_.Create(context, backend);
  }
  return Status::kInternal;
}

Status Mixing::Run(const RunContext& run, ConstMatF x, MatF out) {
  switch (kind_) {
    case MixingKind::kLinear:
      return linear_.Run(run, x, out);
    case MixingKind::kAttention:
      return attention_.Run(run, x, out);
  }
  return Status::kInternal;
}

}  // namespace smx
