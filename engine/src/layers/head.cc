#include "layers/head.h"

#include "kernels/elementary.h"

namespace smx {

void Head::Prepare(const HeadWeights& weights, const PrepareContext& context) {
  weights_ = &weights;
  const Checked batch_floats = Checked(context.batch_size) * Checked(sizeof(float));
  context.plan->SetLayer(-1);
  if (!context.config.has_pooler) return;
  context.plan->BeginStage("pooler");
  pooled_ = context.plan->Acquire("pooled_output", batch_floats * Checked(context.config.d_model));
  context.plan->NextStep();
  if (context.config.num_text_classes == 0) return;
  context.plan->BeginStage("classification");
  logits_ = context.plan->Acquire("logits", batch_floats * Checked(context.config.num_text_classes));
  context.plan->NextStep();
}

Status Head::Create(const PrepareContext& context, Backend* backend) {
  // The products run on one row per text, in f32: nothing to shape, nothing to pack.
  if (context.config.has_pooler) SMX_TRY(pooler_.Create(weights_->pooler, 1, backend));
  if (context.config.num_text_classes == 0) return Status::kOk;
  return classification_.Create(weights_->classification, 1, backend);
}

MatF Head::Pooled(const RunContext& run) const {
  if (!run.config.has_pooler) return {};
  return DenseMat(run.arena.Get<float>(pooled_), run.batch_size, run.config.d_model);
}

MatF Head::Logits(const RunContext& run) const {
  if (run.config.num_text_classes == 0) return {};
  return DenseMat(run.arena.Get<float>(logits_), run.batch_size, run.config.num_text_classes);
}

Status Head::RunPooler(const RunContext& run, ConstMatF x) {
  const MatF pooled = Pooled(run);
  const ConstMatF first_rows = {x.data, run.batch_size, x.cols, run.seq_len * x.stride};
  SMX_TRY(pooler_.Run({first_rows, {}, nullptr}, pooled, run.backend));
  run.EndStage(pooled.rows, pooled.rows, uint64_t{pooled.rows} * pooled.cols * pooled.cols);
  for (size_t i = 0; i < pooled.rows * pooled.cols; ++i) pooled.data[i] = Tanh(pooled.data[i]);
  const size_t pooled_shape[] = {pooled.rows, pooled.cols};
  Observe(run, "pooled_output", -1, pooled_shape, pooled.data);
  return Status::kOk;
}

Status Head::RunClassification(const RunContext& run) {
  const MatF pooled = Pooled(run);
  const MatF logits = Logits(run);
  SMX_TRY(classification_.Run({pooled, {}, nullptr}, logits, run.backend));
  run.EndStage(logits.rows, logits.rows, uint64_t{logits.rows} * logits.cols * pooled.cols);
  const size_t logits_shape[] = {logits.rows, logits.cols};
  Observe(run, "logits", -1, logits_shape, logits.data);
  return Status::kOk;
}

Status Head::Run(const RunContext& run, ConstMatF x) {
  if (run.config.has_pooler) SMX_TRY(RunPooler(run, x));
  return run.config.num_text_classes == 0 ? Status::kOk : RunClassification(run);
}

}  // namespace smx
