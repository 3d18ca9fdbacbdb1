#include "layers/mixing_attention.h"

namespace smx {
namespace {

/// The columns of one head.
template <typename T>
Mat<T> Head(Mat<T> rows, size_t head, size_t d_head) {
  return {rows.data + head * d_head, rows.rows, d_head, rows.stride};
}

}  // namespace

void MixingAttention::Prepare(const AttentionWeights& weights, const PrepareContext& context) {
  weights_ = &weights;
  Plan* plan = context.plan;
  const size_t d = context.config.d_model;
  const size_t rows = context.max_rows();
  const Checked floats = sizeof(float);
  const Checked bytes = Checked(rows) * Checked(d) * floats;
  const size_t d_head = d / context.config.num_heads;

  x_room_.Acquire(weights.query.type, rows, d, plan);
  plan->NextStep();
  query_rows_ = plan->Acquire("query", bytes);
  key_rows_ = plan->Acquire("key", bytes);
  value_rows_ = plan->Acquire("value", bytes);
  plan->NextStep();
  x_room_.Release(plan);
  key_transposed_ = plan->Acquire("key_transposed", Checked(d_head) * Checked(context.max_tokens) * floats);
  scores_ = plan->Acquire("attention_scores", Checked(context.max_tokens) * floats);
  attended_ = plan->Acquire("attended", bytes);
  plan->NextStep();
  for (const BufferId id : {query_rows_, key_rows_, value_rows_, key_transposed_, scores_}) plan->Release(id);
  attended_room_.Acquire(weights.out.type, rows, d, plan);
  plan->NextStep();
  plan->Release(attended_);
  attended_room_.Release(plan);
}

Status MixingAttention::Create(const PrepareContext& context, Backend* backend) {
  const size_t rows = context.max_rows();
  SMX_TRY(query_.Create(weights_->query, rows, backend));
  SMX_TRY(key_.Create(weights_->key, rows, backend));
  SMX_TRY(value_.Create(weights_->value, rows, backend));
  return out_.Create(weights_->out, rows, backend);
}

void MixingAttention::RunHeads(const RunContext& run, size_t text, MatF query, MatF key, MatF value, MatF attended) {
  const size_t n = run.seq_len;
  const size_t first = text * n;
  const size_t num_heads = run.config.num_heads;
  const size_t d_head = query.cols / num_heads;
  const MatF key_transposed = DenseMat(run.arena.Get<float>(key_transposed_), d_head, n);
  const MatF scores = DenseMat(run.arena.Get<float>(scores_), 1, n);
  const unsigned char* is_real = run.is_real == nullptr ? nullptr : run.is_real + first;
  for (size_t h = 0; h < num_heads; ++h) {
    run.backend->kernels.transpose(Head(key, h, d_head).Rows(first, n), key_transposed);
    run.backend->kernels.attention_head(Head(query, h, d_head).Rows(first, n), key_transposed,
                                        Head(value, h, d_head).Rows(first, n), is_real, scores,
                                        Head(attended, h, d_head).Rows(first, n));
  }
  run.backend->macs += 2 * uint64_t{n} * n * query.cols;
}

Status MixingAttention::Run(const RunContext& run, ConstMatF x, MatF out) {
  const auto rows = [&run, &x](BufferId id) { return DenseMat(run.arena.Get<float>(id), x.rows, x.cols); };
  const MatF query = rows(query_rows_), key = rows(key_rows_), value = rows(value_rows_);
  const MatF attended = rows(attended_);

  const ProductInput input = x_room_.Load(*run.backend, run.arena, x);
  SMX_TRY(query_.Run(input, query, run.backend));
  SMX_TRY(key_.Run(input, key, run.backend));
  SMX_TRY(value_.Run(input, value, run.backend));
  for (size_t b = 0; b < run.batch_size; ++b) RunHeads(run, b, query, key, value, attended);
  return out_.Run(attended_room_.Load(*run.backend, run.arena, attended), out, run.backend);
}

}  // namespace smx
