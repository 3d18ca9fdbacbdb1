#include "layers/token_head.h"

#include <algorithm>
#include <cmath>

namespace smx {

void TokenHead::Prepare(const TokenHeadWeights& weights, const PrepareContext& context) {
  weights_ = &weights;
  if (context.config.num_token_logits == 0) return;
  Plan* const plan = context.plan;
  plan->SetLayer(-1);
  plan->BeginStage("token_head");
  // One row after the other goes through all the steps.
  logits_ = plan->Acquire("token_logits", Checked(context.config.num_token_logits) * Checked(sizeof(float)));
  if (context.config.task == Task::kMaskedTokens) {
    transformed_ = plan->Acquire("predictions_dense", Checked(context.config.d_emb) * Checked(sizeof(float)));
    plan->NextStep();
  }
  output_room_.Acquire(weights.output.type, 1, weights.output.inputs, plan);
  plan->NextStep();
}

Status TokenHead::Create(const PrepareContext& context, Backend* backend) {
  if (context.config.num_token_logits == 0) return Status::kOk;
  if (context.config.task == Task::kMaskedTokens) SMX_TRY(dense_.Create(weights_->dense, 1, backend));
  return output_.Create(weights_->output, 1, backend);
}

Status TokenHead::Transform(const RunContext& run, ConstMatF row, ConstMatF* transformed) {
  *transformed = row;
  if (run.config.task != Task::kMaskedTokens) return Status::kOk;
  const MatF x = DenseMat(run.arena.Get<float>(transformed_), 1, run.config.d_emb);
  SMX_TRY(dense_.Run({row, {}, nullptr}, x, run.backend));
  const KernelTable& kernels = run.backend->kernels;
  (run.config.gelu_erf ? kernels.gelu_erf : kernels.gelu)(x);
  const LayerNormWeights& norm = weights_->layer_norm;
  kernels.add_layer_norm(x, {}, norm.scale, norm.bias, run.config.layer_norm_epsilon);
  *transformed = x;
  return Status::kOk;
}

Status TokenHead::RunRow(const RunContext& run, ConstMatF row, MatF logits) {
  ConstMatF transformed;
  SMX_TRY(Transform(run, row, &transformed));
  return output_.Run(output_room_.Load(*run.backend, run.arena, transformed), logits, run.backend);
}

Status TokenHead::Run(const RunContext& run, ConstMatF x, const TokenLogits& wanted) {
  if (run.config.num_token_logits == 0) return Status::kOk;
  const MatF logits = DenseMat(run.arena.Get<float>(logits_), 1, run.config.num_token_logits);
  for (size_t i = 0; i < wanted.positions.size(); ++i) {
    SMX_TRY(RunRow(run, x.Rows(wanted.positions[i], 1), logits));
    const bool is_finite =
        std::all_of(logits.data, logits.data + logits.cols, [](float v) { return std::isfinite(v); });
    if (!is_finite) return Status::kInvalidModel;
    wanted.hook(wanted.context, i, {logits.data, logits.cols});
  }
  const size_t rows = wanted.positions.size();
  const auto macs_of = [](const ProductWeights& product) { return uint64_t{product.inputs} * product.outputs; };
  run.EndStage(rows, rows, rows * (macs_of(weights_->dense) + macs_of(weights_->output)));
  return Status::kOk;
}

}  // namespace smx
