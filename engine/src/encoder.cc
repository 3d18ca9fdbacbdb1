#include "smx/encoder.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "backends/backend.h"
#include "base/fixed_array.h"
#include "base/log.h"
#include "layers/block.h"
#include "layers/embedding.h"
#include "layers/head.h"
#include "layers/token_head.h"
#include "memory/arena.h"
#include "memory/plan.h"
#include "model/model_data.h"

namespace smx {
namespace internal {

class EncoderState {
 public:
  EncoderState(const Model& model, const Options& its_options)
      : data(model.data()),
        options(its_options),
        context_{data.config, options, options.batch_size, MaxTokens(data.config, options), &plan, {}} {}

  /// Plans the whole run; creates nothing.
  Status Prepare();
  Status Create(Span<uint8_t> bytes);

  Status CheckInput(Span<const int32_t> token_ids, Span<const int32_t> type_ids) const;
  Status CheckOutput(const EncoderOutput& output, size_t rows) const;
  Status Run(Span<const int32_t> token_ids, Span<const int32_t> type_ids, const EncoderOutput& output);

  size_t arena_bytes() const { return Arena::RequiredBytes(plan); }

  const ModelData& data;
  const Options options;
  Plan plan;
  FixedArray<Step> steps;
  Backend backend;

 private:
  static size_t MaxTokens(const ModelConfig& config, const Options& options) {
    return options.max_tokens == 0 ? config.max_seq_len : options.max_tokens;
  }
  Status PlanStages();
  Status CopyStages();
  const unsigned char* MarkRealTokens(Span<const int32_t> token_ids) const;
  TextRows RowsOf(Span<const int32_t> token_ids) const;
  size_t RowsWantedBy(const EncoderOutput& output, const TextRows& text) const;
  /// Fills live_rows_; returns how many rows of the last block's output are computed for the `wanted` first ones.
  size_t ChooseRows(const TextRows& text, size_t wanted);
  Status RunLayers(const RunContext& run, Span<const int32_t> token_ids, Span<const int32_t> type_ids, MatF x);
  Status RunTokenHead(const RunContext& run, ConstMatF wanted, const TokenLogits& tokens);
  Status CheckFinite(const RunContext& run, ConstMatF wanted) const;
  void CopyOutput(const RunContext& run, ConstMatF wanted, const EncoderOutput& output) const;

  PrepareContext context_;
  Arena arena_;
  Embedding embedding_;
  FixedArray<Block> blocks_;
  Head head_;
  TokenHead token_head_;
  BufferId hidden_, is_real_;
  FixedArray<LiveRows> live_rows_;    // per block, of the last run
  FixedArray<LiveRows> fewest_rows_;  // per block, see PrepareContext
};

namespace {

Status CheckOptions(const ModelConfig& config, const Options& options) {
  const Log& log = options.log;
  if (options.num_threads < 1 || options.num_threads > 64) {
    return Fail(log, Status::kInvalidArgument, "options: num_threads %zu, must be 1..64", options.num_threads);
  }
  if (options.max_tokens > config.max_seq_len) {
    return Fail(log, Status::kInvalidArgument, "options: max_tokens %zu, the model has max_seq_len %zu",
                options.max_tokens, config.max_seq_len);
  }
  const bool fixed_length = !config.masked_padding && config.HasSequenceKernel();
  if (fixed_length && options.max_tokens != 0 && options.max_tokens != config.max_seq_len) {
    return Fail(
        log, Status::kInvalidArgument,
        "options: max_tokens %zu; a mixing with an input_kernel and reference padding always reads max_seq_len %zu",
        options.max_tokens, config.max_seq_len);
  }
  if (options.batch_size < 1 || options.batch_size > 65536) {
    return Fail(log, Status::kInvalidArgument, "options: batch_size %zu, must be 1..65536", options.batch_size);
  }
  if (options.batch_size > 1 && !config.batch_routing_group) {
    return Fail(log, Status::kInvalidArgument,
                "options: batch_size %zu, but the model routes each text alone: run texts one by one",
                options.batch_size);
  }
  return Status::kOk;
}

/// Of the real rows of one text, summed in their order; `is_real` null means all are.
void MeanOfRows(ConstMatF rows, const unsigned char* is_real, float* mean) {
  std::fill_n(mean, rows.cols, 0.0f);
  size_t count = 0;
  for (size_t r = 0; r < rows.rows; ++r) {
    if (is_real != nullptr && is_real[r] == 0) continue;
    ++count;
    for (size_t c = 0; c < rows.cols; ++c) mean[c] += rows.Row(r)[c];
  }
  for (size_t c = 0; count > 0 && c < rows.cols; ++c) mean[c] /= static_cast<float>(count);
}

bool AllFinite(ConstMatF values) {
  for (size_t r = 0; r < values.rows; ++r) {
    for (size_t c = 0; c < values.cols; ++c) {
      if (!std::isfinite(values.Row(r)[c])) return false;
    }
  }
  return true;
}

}  // namespace

Status EncoderState::Prepare() {
  // Upper bound of what one block acquires, see Prepare of its stages.
  constexpr size_t kBuffersPerBlock = 32;
  constexpr size_t kStagesPerBlock = 3;
  const ModelConfig& config = data.config;
  SMX_TRY(CheckOptions(config, options));
  SMX_TRY(plan.Init(kBuffersPerBlock * (config.layers.size() + 1), kStagesPerBlock * (config.layers.size() + 1)));
  SMX_TRY(blocks_.Allocate(config.layers.size()));
  SMX_TRY(live_rows_.Allocate(config.layers.size()));
  SMX_TRY(fewest_rows_.Allocate(config.layers.size()));
  const size_t fewest_real = config.masked_padding ? context_.max_tokens : 1;
  ChooseRows({context_.max_tokens, fewest_real, fewest_real}, 1);
  std::copy(live_rows_.begin(), live_rows_.end(), fewest_rows_.begin());
  context_.fewest_rows = {fewest_rows_.data(), fewest_rows_.size()};

  SMX_TRY(PlanStages());
  const Status placed = plan.Place();
  if (placed == Status::kOk) return CopyStages();
  if (placed != Status::kOutOfRange) return placed;
  return Fail(options.log, Status::kUnsupported, "plan: the arena would not fit into the address space");
}

Status EncoderState::PlanStages() {
  const ModelConfig& config = data.config;
  const Checked rows = context_.max_rows();
  hidden_ = plan.Acquire("hidden", rows * Checked(config.d_model) * Checked(sizeof(float)));
  if (!config.masked_padding) is_real_ = plan.Acquire("is_real", rows);
  embedding_.Prepare(data.weights.embedding, context_);
  plan.NextStep();
  for (size_t i = 0; i < blocks_.size(); ++i) {
    SMX_TRY(blocks_[i].Prepare(data.weights.blocks[i], i, context_));
  }
  head_.Prepare(data.weights.head, context_);
  token_head_.Prepare(data.weights.token_head, context_);
  return Status::kOk;
}

Status EncoderState::CopyStages() {
  SMX_TRY(steps.Allocate(plan.stages().size()));
  std::copy(plan.stages().begin(), plan.stages().end(), steps.begin());
  return Status::kOk;
}

Status EncoderState::Create(Span<uint8_t> bytes) {
  if (bytes.size() < arena_bytes()) {
    return Fail(options.log, Status::kArenaTooSmall, "arena: %zu bytes, ArenaBytes says %zu", bytes.size(),
                arena_bytes());
  }
  arena_ = Arena(plan, bytes.data());
  SMX_TRY(backend.Create(options, data.weights.product_type != WeightType::kF32, &data.shared));
  SMX_TRY(embedding_.Create(context_, &backend));
  for (Block& block : blocks_) SMX_TRY(block.Create(context_, &backend));
  SMX_TRY(head_.Create(context_, &backend));
  SMX_TRY(token_head_.Create(context_, &backend));
  return backend.FinishCreation();
}

Status EncoderState::CheckInput(Span<const int32_t> token_ids, Span<const int32_t> type_ids) const {
  const ModelConfig& config = data.config;
  const Log& log = options.log;
  const size_t batch = options.batch_size;
  const size_t n = token_ids.size() / batch;
  if (n == 0 || n * batch != token_ids.size() || n > context_.max_tokens) {
    return Fail(log, Status::kInvalidArgument, "token_ids: %zu of them; %zu texts of 1..%zu tokens each",
                token_ids.size(), batch, context_.max_tokens);
  }
  if (!config.masked_padding && config.HasSequenceKernel() && n != config.max_seq_len) {
    return Fail(log, Status::kInvalidArgument,
                "token_ids: %zu per text; a mixing with an input_kernel and reference padding takes %zu, pads included",
                n, config.max_seq_len);
  }
  if (!type_ids.empty() && type_ids.size() != token_ids.size()) {
    return Fail(log, Status::kInvalidArgument, "type_ids: %zu of them for %zu token_ids", type_ids.size(),
                token_ids.size());
  }
  for (size_t i = 0; i < token_ids.size(); ++i) {
    if (token_ids[i] >= 0 && static_cast<size_t>(token_ids[i]) < config.vocab_size) continue;
    return Fail(log, Status::kOutOfRange, "token_ids: value %zu is %d, must be in 0..%zu", i, token_ids[i],
                config.vocab_size - 1);
  }
  for (size_t i = 0; i < type_ids.size(); ++i) {
    if (type_ids[i] >= 0 && static_cast<size_t>(type_ids[i]) < config.type_vocab_size) continue;
    return Fail(log, Status::kOutOfRange, "type_ids: value %zu is %d, must be in 0..%zu", i, type_ids[i],
                config.type_vocab_size - 1);
  }
  return Status::kOk;
}

Status EncoderState::CheckOutput(const EncoderOutput& output, size_t rows) const {
  const ModelConfig& config = data.config;
  const size_t row_per_text = options.batch_size * config.d_model;
  const struct {
    const char* name;
    Span<float> values;
    size_t size;
  } outputs[] = {{"hidden", output.hidden, rows * config.d_model},
                 {"pooled", output.pooled, config.has_pooler ? row_per_text : 0},
                 {"logits", output.logits, options.batch_size * config.num_text_classes},
                 {"cls", output.cls, row_per_text},
                 {"mean", output.mean, row_per_text}};
  for (const auto& out : outputs) {
    if (out.values.empty() || out.values.size() == out.size) continue;
    return Fail(options.log, Status::kInvalidArgument, "output: %s has %zu values, must have 0 or %zu", out.name,
                out.values.size(), out.size);
  }
  if (!output.tokens.positions.empty() && (config.num_token_logits == 0 || output.tokens.hook == nullptr)) {
    return Fail(options.log, Status::kInvalidArgument, "output: tokens, of a model without a head for them or no hook");
  }
  for (const uint32_t position : output.tokens.positions) {
    if (position < rows) continue;
    return Fail(options.log, Status::kInvalidArgument, "output: tokens has position %u, must be below %zu", position,
                rows);
  }
  return Status::kOk;
}

/// Null for masked padding, where every token is real.
const unsigned char* EncoderState::MarkRealTokens(Span<const int32_t> token_ids) const {
  if (data.config.masked_padding) return nullptr;
  unsigned char* is_real = arena_.Get<unsigned char>(is_real_);
  for (size_t i = 0; i < token_ids.size(); ++i) is_real[i] = token_ids[i] != data.config.pad_id;
  return is_real;
}

/// Behind `real` there are only pads. A text of nothing but pads has its first row all the same: the pooler reads it.
TextRows EncoderState::RowsOf(Span<const int32_t> token_ids) const {
  const size_t all = token_ids.size();
  if (data.config.masked_padding) return {all, all, all};
  const int32_t pad_id = data.config.pad_id;
  size_t real = all;
  while (real > 1 && token_ids[real - 1] == pad_id) --real;
  const int32_t* first_pad = std::find(token_ids.begin(), token_ids.end(), pad_id);
  return {all, real, static_cast<size_t>(first_pad - token_ids.begin())};
}

/// The first row is for the pooler and [CLS], and as there is nothing without it.
size_t EncoderState::RowsWantedBy(const EncoderOutput& output, const TextRows& text) const {
  size_t wanted = output.hidden.empty() && output.mean.empty() ? 1 : text.real;
  for (const uint32_t position : output.tokens.positions) wanted = std::max(wanted, size_t{position} + 1);
  return wanted;
}

size_t EncoderState::ChooseRows(const TextRows& text, size_t wanted) {
  if (!options.skip_dead_rows || options.batch_size > 1) {
    std::fill(live_rows_.begin(), live_rows_.end(), LiveRows{text.all, text.all, text.all});
    return text.all;
  }
  FindLiveRows(data.config, text, wanted, {live_rows_.data(), live_rows_.size()});
  return wanted;
}

Status EncoderState::RunLayers(const RunContext& run, Span<const int32_t> token_ids, Span<const int32_t> type_ids,
                               MatF x) {
  SMX_TRY(embedding_.Run(run, token_ids, type_ids, x.Rows(0, live_rows_[0].input)));
  for (size_t i = 0; i < blocks_.size(); ++i) SMX_TRY(blocks_[i].Run(run, live_rows_[i], x));
  return head_.Run(run, x);
}

Status EncoderState::RunTokenHead(const RunContext& run, ConstMatF wanted, const TokenLogits& tokens) {
  const Status status = token_head_.Run(run, wanted, tokens);
  if (status == Status::kInvalidModel) {
    LogF(options.log, "output: not all logits of a token are finite numbers; the weights hold too large values");
  }
  return status;
}

Status EncoderState::CheckFinite(const RunContext& run, ConstMatF wanted) const {
  if (AllFinite(wanted) && AllFinite(head_.Logits(run)) && AllFinite(head_.Pooled(run))) return Status::kOk;
  return Fail(options.log, Status::kInvalidModel,
              "output: not all are finite numbers; the weights hold NaN, infinity or too large values");
}

/// `wanted` are the first rows of the last block's output, those that were computed for somebody.
void EncoderState::CopyOutput(const RunContext& run, ConstMatF wanted, const EncoderOutput& output) const {
  if (!output.hidden.empty()) {
    float* const dead = std::copy_n(wanted.data, wanted.rows * wanted.cols, output.hidden.data());
    std::fill(dead, output.hidden.end(), 0.0f);
  }
  std::copy_n(head_.Pooled(run).data, output.pooled.size(), output.pooled.data());
  std::copy_n(head_.Logits(run).data, output.logits.size(), output.logits.data());
  for (size_t b = 0; b < run.batch_size; ++b) {
    const size_t first = b * run.seq_len;
    const size_t at = b * wanted.cols;
    if (!output.cls.empty()) std::copy_n(wanted.Row(first), wanted.cols, output.cls.data() + at);
    if (output.mean.empty()) continue;
    const ConstMatF text = wanted.Rows(first, std::min(run.seq_len, wanted.rows - first));
    MeanOfRows(text, run.is_real == nullptr ? nullptr : run.is_real + first, output.mean.data() + at);
  }
}

Status EncoderState::Run(Span<const int32_t> token_ids, Span<const int32_t> type_ids, const EncoderOutput& output) {
  SMX_TRY(CheckInput(token_ids, type_ids));
  SMX_TRY(CheckOutput(output, token_ids.size()));
  const TextRows text = RowsOf(token_ids);
  const size_t wanted = ChooseRows(text, RowsWantedBy(output, text));
  std::copy(plan.stages().begin(), plan.stages().end(), steps.begin());
  StageLog log = {{steps.data(), steps.size()}};
  const RunContext run = {data.config,
                          arena_,
                          &backend,
                          options.observer,
                          options.batch_size,
                          token_ids.size() / options.batch_size,
                          MarkRealTokens(token_ids),
                          &log};
  const MatF x = DenseMat(arena_.Get<float>(hidden_), run.rows(), data.config.d_model);
  backend.macs = 0;
  const Status status = RunLayers(run, token_ids, type_ids, x);
  backend.Rest();
  if (status == Status::kBackendFailure) LogF(options.log, "xnnpack: refused a product that it was created for");
  SMX_TRY(status);
  SMX_TRY(CheckFinite(run, x.Rows(0, wanted)));
  SMX_TRY(RunTokenHead(run, x.Rows(0, wanted), output.tokens));
  CopyOutput(run, x.Rows(0, wanted), output);
  return Status::kOk;
}

}  // namespace internal

using internal::EncoderState;

Encoder::Encoder(std::unique_ptr<EncoderState> state) : state_(std::move(state)) {}
Encoder::Encoder(Encoder&&) noexcept = default;
Encoder& Encoder::operator=(Encoder&&) noexcept = default;
Encoder::~Encoder() = default;

Result<size_t> Encoder::ArenaBytes(const Model& model, const Options& options) {
  EncoderState state(model, options);
  SMX_TRY(state.Prepare());
  return state.arena_bytes();
}

Result<Encoder> Encoder::Create(const Model& model, const Options& options, Span<uint8_t> arena) {
  auto state = MakeUnique<EncoderState>(model, options);
  if (state == nullptr) return Status::kOutOfMemory;
  SMX_TRY(state->Prepare());
  SMX_TRY(state->Create(arena));
  return Encoder(std::move(state));
}

Status Encoder::Run(Span<const int32_t> token_ids, Span<const int32_t> type_ids, const EncoderOutput& output) {
  return state_->Run(token_ids, type_ids, output);
}

Report Encoder::report() const {
  const Backend& backend = state_->backend;
  Report report = {
      state_->arena_bytes(), state_->plan.lower_bound_bytes(), backend.packed_bytes, backend.mapped_bytes, 0, 0,
      backend.name()};
  for (const Step& step : steps()) {
    report.macs += step.macs;
    report.macs_dense += step.macs_dense;
  }
  return report;
}

Span<const PlannedBuffer> Encoder::plan() const { return state_->plan.buffers(); }

Span<const Step> Encoder::steps() const { return {state_->steps.data(), state_->steps.size()}; }

}  // namespace smx
