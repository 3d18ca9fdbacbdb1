#include "layers/mixing_attention.h"

namespace smx {
namespace {

/// The columns of one head.
template <typename T>
Mat<T> Head(Mat<T> rows, size_t head, size_t d_head) {
  return {rows.data + head * d_head, rows.rows, d_head, rows.stride};
}

}  // namespace

/// [batch * queries or keys, d_model] each.
struct MixingAttention::Rows {
  MatF query, key, value, attended;
};

void MixingAttention::Prepare(const AttentionWeights& weights, const PrepareContext& context, BufferId* out) {
  weights_ = &weights;
  Plan* plan = context.plan;
  const size_t d = context.config.d_model;
  const size_t rows = context.max_rows();
  const Checked floats = sizeof(float);
  const Checked bytes = Checked(rows) * Checked(d) * floats;
  const size_t d_head = d / context.config.num_heads;

  is_int8_ = weights.query.type == WeightType::kQc8w;
  plan->BeginStage("attention");
  x_room_.Acquire(weights.query, rows, plan);  // key and value have the same input scales
  plan->NextStep();
  query_rows_ = plan->Acquire("query", bytes);
  key_rows_ = plan->Acquire("key", bytes);
  value_rows_ = plan->Acquire("value", bytes);
  plan->NextStep();
  x_room_.Release(plan);
  scratch_ = plan->Acquire("attention_scratch",
                           Checked(context.options.num_threads) * ScratchFloats(context.max_tokens, d_head) * floats);
  attended_ = plan->Acquire("attended", bytes);
  plan->NextStep();
  for (const BufferId id : {query_rows_, key_rows_, value_rows_, scratch_}) plan->Release(id);
  attended_room_.Acquire(weights.out.type, rows, d, plan);
  plan->NextStep();
  *out = plan->Acquire("mixing_output", bytes);
  plan->NextStep();
  plan->Release(attended_);
  attended_room_.Release(plan);
}

Checked MixingAttention::ScratchFloats(size_t keys, size_t d_head) const {
  return is_int8_ ? AttentionQs16ScratchFloats(keys, d_head) : AttentionScratchFloats(keys, d_head);
}

Status MixingAttention::Create(const PrepareContext& context, Backend* backend) {
  const size_t rows = context.max_rows();
  SMX_TRY(query_.Create(weights_->query, rows, backend));
  SMX_TRY(key_.Create(weights_->key, rows, backend));
  SMX_TRY(value_.Create(weights_->value, rows, backend));
  return out_.Create(weights_->out, rows, backend);
}

/// Heads are shared out among the threads, each of which has its own scratch.
void MixingAttention::RunHeads(const RunContext& run, size_t text, const Rows& rows) {
  const Backend& backend = *run.backend;
  const size_t queries = rows.query.rows / run.batch_size;
  const size_t keys = rows.key.rows / run.batch_size;
  const size_t num_heads = run.config.num_heads;
  const size_t d_head = rows.query.cols / num_heads;
  float* const scratch = run.arena.Get<float>(scratch_);
  const size_t scratch_floats = static_cast<size_t>(ScratchFloats(keys, d_head).value());
  const unsigned char* is_real = run.is_real == nullptr ? nullptr : run.is_real + text * run.seq_len;
  const auto head_of = [&](MatF all, size_t h, size_t count) { return Head(all, h, d_head).Rows(text * count, count); };
  const AttentionHeadFn attention_head =
      is_int8_ ? backend.kernels.attention_head_qs16 : backend.kernels.attention_head;
  // A score costs as much as two values; queries, keys and values are packed, too.
  const size_t values = 2 * queries * keys + (queries + 2 * keys) * d_head;
  backend.Split(num_heads, values, [&](size_t thread, size_t first, size_t count) {
    for (size_t h = first; h < first + count; ++h) {
      attention_head(head_of(rows.query, h, queries), head_of(rows.key, h, keys), head_of(rows.value, h, keys), is_real,
                     scratch + thread * scratch_floats, head_of(rows.attended, h, queries));
    }
  });
  run.backend->macs += 2 * uint64_t{queries} * keys * rows.query.cols;
}

Status MixingAttention::Run(const RunContext& run, ConstMatF x, MatF out) {
  const auto rows_of = [&run, &x](BufferId id, size_t count) {
    return DenseMat(run.arena.Get<float>(id), count, x.cols);
  };
  const Rows rows = {rows_of(query_rows_, out.rows), rows_of(key_rows_, x.rows), rows_of(value_rows_, x.rows),
                     rows_of(attended_, out.rows)};

  const ProductInput input = x_room_.Load(*run.backend, run.arena, x);
  SMX_TRY(key_.Run(input, rows.key, run.backend));
  SMX_TRY(value_.Run(input, rows.value, run.backend));
  SMX_TRY(query_.Run(x_room_.KeepFirst(run.arena, input, out.rows), rows.query, run.backend));
  for (size_t b = 0; b < run.batch_size; ++b) RunHeads(run, b, rows);
  SMX_TRY(out_.Run(attended_room_.Load(*run.backend, run.arena, rows.attended), out, run.backend));
  const uint64_t n = run.seq_len;
  run.EndStage(out.rows, run.rows(), run.batch_size * (4 * n * x.cols * x.cols + 2 * n * n * x.cols));
  return Status::kOk;
}

}  // namespace smx
