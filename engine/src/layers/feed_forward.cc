#include "layers/feed_forward.h"

namespace smx {

void FeedForwardRoom::Prepare(const FeedForwardWeights& weights, size_t max_rows, Plan* plan) {
  const size_t d_ff = weights.intermediate.outputs;
  x.Acquire(weights.intermediate.type, max_rows, weights.intermediate.inputs, plan);
  plan->NextStep();
  intermediate = plan->Acquire("intermediate", Checked(max_rows) * Checked(d_ff) * Checked(sizeof(float)));
  plan->NextStep();
  x.Release(plan);
  activation.Acquire(weights.output.type, max_rows, d_ff, plan);
  plan->NextStep();
  plan->Release(intermediate);
  activation.Release(plan);
}

Status FeedForward::Create(const FeedForwardWeights& weights, size_t max_rows, Backend* backend) {
  d_ff_ = weights.intermediate.outputs;
  SMX_TRY(intermediate_.Create(weights.intermediate, max_rows, backend));
  return output_.Create(weights.output, max_rows, backend);
}

Status FeedForward::Run(const RunContext& run, const FeedForwardRoom& room, ConstMatF x, MatF out) {
  const MatF intermediate = DenseMat(run.arena.Get<float>(room.intermediate), x.rows, d_ff_);
  SMX_TRY(intermediate_.Run(room.x.Load(*run.backend, run.arena, x), intermediate, run.backend));
  run.backend->kernels.gelu(intermediate);
  return output_.Run(room.activation.Load(*run.backend, run.arena, intermediate), out, run.backend);
}

}  // namespace smx
