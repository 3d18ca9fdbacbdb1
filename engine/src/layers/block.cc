#include "layers/block.h"

namespace smx {
namespace {

void AddLayerNorm(const Backend& backend, MatF x, ConstMatF residual, const LayerNormWeights& norm, float epsilon) {
  backend.SplitRows(x.rows, x.cols, [&](size_t first, size_t count) {
    backend.kernels.add_layer_norm(x.Rows(first, count), residual.Rows(first, count), norm.scale, norm.bias, epsilon);
  });
}

}  // namespace

Status Block::Prepare(const BlockWeights& weights, size_t layer, const PrepareContext& context) {
  weights_ = &weights;
  layer_ = static_cast<int>(layer);
  has_experts_ = context.config.layers[layer].feed_forward == FeedForwardKind::kExperts;
  Plan* plan = context.plan;
  plan->SetLayer(layer_);
  const Checked bytes = Checked(context.max_rows()) * Checked(context.config.d_model) * Checked(sizeof(float));

  SMX_TRY(mixing_.Prepare(weights, layer, context, &mixing_output_));
  plan->NextStep();
  plan->Release(mixing_output_);
  plan->NextStep();
  ff_output_ = plan->Acquire("ff_output", bytes);
  if (has_experts_) {
    moe_.Prepare(weights.moe, context);
  } else {
    plan->BeginStage("feed_forward");
    feed_forward_room_.Prepare(weights.feed_forward, context.max_rows(), plan);
  }
  plan->NextStep();
  plan->Release(ff_output_);
  plan->NextStep();
  return Status::kOk;
}

Status Block::Create(const PrepareContext& context, Backend* backend) {
  SMX_TRY(mixing_.Create(context, backend));
  if (has_experts_) return moe_.Create(context, backend);
  return feed_forward_.Create(weights_->feed_forward, context.max_rows(), backend);
}

Status Block::RunFeedForward(const RunContext& run, ConstMatF x, MatF out) {
  if (has_experts_) return moe_.Run(run, layer_, x, out);
  SMX_TRY(feed_forward_.Run(run, feed_forward_room_, layer_, x, out));
  run.EndStage(out.rows, run.rows(), feed_forward_.Macs(run.rows()));
  return Status::kOk;
}

Status Block::Run(const RunContext& run, const LiveRows& rows, MatF x) {
  const float epsilon = run.config.layer_norm_epsilon;
  const MatF mixing_output = DenseMat(run.arena.Get<float>(mixing_output_), rows.mixing, x.cols);
  const MatF ff_output = DenseMat(run.arena.Get<float>(ff_output_), rows.output, x.cols);
  const MatF mixed = x.Rows(0, rows.mixing);
  const MatF out = x.Rows(0, rows.output);

  SMX_TRY(mixing_.Run(run, x.Rows(0, rows.input), mixing_output));
  ObserveRows(run, "mixing_output", layer_, mixing_output);
  AddLayerNorm(*run.backend, mixed, mixing_output, weights_->mixing_layer_norm, epsilon);
  ObserveRows(run, "mixing_norm", layer_, mixed);

  SMX_TRY(RunFeedForward(run, mixed, ff_output));
  ObserveRows(run, "ff_output", layer_, ff_output);
  AddLayerNorm(*run.backend, out, ff_output, weights_->output_layer_norm, epsilon);
  ObserveRows(run, "output", layer_, out);
  return Status::kOk;
}

}  // namespace smx
