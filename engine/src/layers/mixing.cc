#include "layers/mixing.h"

namespace smx {

Status Mixing::Prepare(const BlockWeights& weights, size_t layer, const PrepareContext& context, BufferId* out) {
  kind_ = context.config.layers[layer].mixing;
  switch (kind_) {
    case MixingKind::kLinear:
    case MixingKind::kCirculant:
    case MixingKind::kToeplitz:
      return linear_.Prepare(weights.linear, layer, context, out);
    case MixingKind::kFourier:
    case MixingKind::kHartley:
      return fourier_.Prepare(weights.fourier, layer, context, out);
    case MixingKind::kAttention:
      attention_.Prepare(weights.attention, context, out);
      return Status::kOk;
  }
  return Status::kInternal;
}

Status Mixing::Create(const PrepareContext& context, Backend* backend) {
  switch (kind_) {
    case MixingKind::kLinear:
    case MixingKind::kCirculant:
    case MixingKind::kToeplitz:
      return linear_.Create(context, backend);
    case MixingKind::kFourier:
    case MixingKind::kHartley:
      return fourier_.Create(context, backend);
    case MixingKind::kAttention:
      return attention_.Create(context, backend);
  }
  return Status::kInternal;
}

Status Mixing::Run(const RunContext& run, ConstMatF x, MatF out) {
  switch (kind_) {
    case MixingKind::kLinear:
    case MixingKind::kCirculant:
    case MixingKind::kToeplitz:
      return linear_.Run(run, x, out);
    case MixingKind::kFourier:
    case MixingKind::kHartley:
      return fourier_.Run(run, x, out);
    case MixingKind::kAttention:
      return attention_.Run(run, x, out);
  }
  return Status::kInternal;
}

}  // namespace smx
