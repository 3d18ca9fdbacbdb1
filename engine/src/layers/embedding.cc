#include "layers/embedding.h"

namespace smx {

void Embedding::Prepare(const EmbeddingWeights& weights, const PrepareContext& context) {
  weights_ = &weights;
  const size_t rows = context.max_rows();
  const size_t d_emb = context.config.d_emb;
  context.plan->BeginStage("embedding");
  if (!context.config.has_hidden_mapping) return context.plan->NextStep();
  sum_ = context.plan->Acquire("embedding_sum", Checked(rows) * Checked(d_emb) * Checked(sizeof(float)));
  context.plan->NextStep();
  input_.Acquire(weights.hidden_mapping_in.type, rows, d_emb, context.plan);
  context.plan->NextStep();
  context.plan->Release(sum_);
  input_.Release(context.plan);
}

Status Embedding::Create(const PrepareContext& context, Backend* backend) {
  if (!context.config.has_hidden_mapping) return Status::kOk;
  return hidden_mapping_in_.Create(weights_->hidden_mapping_in, context.max_rows(), backend);
}

void Embedding::AddWord(int32_t id, size_t d_emb, float* row) const {
  const WordEmbeddingWeights& word = weights_->word;
  const size_t first = static_cast<size_t>(id) * d_emb;
  if (word.type == WeightType::kF32) {
    const float* values = static_cast<const float*>(word.rows) + first;
    for (size_t c = 0; c < d_emb; ++c) row[c] += values[c];
    return;
  }
  const int8_t* values = static_cast<const int8_t*>(word.rows) + first;
  const float scale = word.scales[id];
  for (size_t c = 0; c < d_emb; ++c) row[c] += static_cast<float>(values[c]) * scale;
}

Status Embedding::Run(const RunContext& run, Span<const int32_t> token_ids, Span<const int32_t> type_ids, MatF x) {
  const size_t d_emb = run.config.d_emb;
  const bool is_mapped = run.config.has_hidden_mapping;
  const MatF sum = is_mapped ? DenseMat(run.arena.Get<float>(sum_), x.rows, d_emb) : x;
  const LayerNormWeights& norm = weights_->layer_norm;
  run.backend->SplitRows(sum.rows, d_emb, [&](size_t first, size_t count) {
    for (size_t r = first; r < first + count; ++r) {
      const size_t type_id = type_ids.empty() ? 0 : static_cast<size_t>(type_ids[r]);
      const float* position = weights_->position + r % run.seq_len * d_emb;
      const float* type = weights_->type + type_id * d_emb;
      for (size_t c = 0; c < d_emb; ++c) sum.Row(r)[c] = position[c] + type[c];
      AddWord(token_ids[r], d_emb, sum.Row(r));
    }
    run.backend->kernels.add_layer_norm(sum.Rows(first, count), {}, norm.scale, norm.bias,
                                        run.config.layer_norm_epsilon);
  });
  if (is_mapped) SMX_TRY(hidden_mapping_in_.Run(input_.Load(*run.backend, run.arena, sum), x, run.backend));
  run.EndStage(x.rows, run.rows(), is_mapped ? uint64_t{run.rows()} * d_emb * x.cols : 0);
  ObserveRows(run, "embedding_output", -1, x);
  return Status::kOk;
}

}  // namespace smx
