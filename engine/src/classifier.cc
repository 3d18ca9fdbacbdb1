#include "smx/classifier.h"

#include <algorithm>
#include <cmath>

#include "base/checked_math.h"
#include "base/fixed_array.h"
#include "base/log.h"
#include "model/model_data.h"

namespace smx {
namespace internal {

/// The arena of a Classifier: token ids, type ids and logits in front, the Encoder's behind.
class ClassifierState {
 public:
  ClassifierState(const Model& for_model, Tokenizer its_tokenizer, Encoder its_encoder)
      : model(for_model), tokenizer(its_tokenizer), encoder(std::move(its_encoder)) {}

  const Model& model;
  Tokenizer tokenizer;
  Encoder encoder;
  Span<int32_t> token_ids;  // [max_tokens]
  Span<int32_t> type_ids;   // [max_tokens]
  Span<float> logits;       // [num_classes]
  size_t arena_bytes = 0;
  Log log;
};

}  // namespace internal

namespace {

using internal::ClassifierState;

/// [CLS] and two [SEP]: less cannot hold a pair.
constexpr size_t kFewestTokens = 3;

size_t MaxTokens(const Model& model, const Options& options) {
  return options.max_tokens == 0 ? model.info().max_seq_len : options.max_tokens;
}

/// In front of the Encoder's arena; a multiple of 4, as everything in it is.
size_t OwnBytes(const Model& model, const Options& options) {
  return (2 * MaxTokens(model, options) + model.info().num_classes) * sizeof(float);
}

Status CheckModel(const Model& model, const Options& options) {
  if (!model.info().has_tokenizer) {
    return Fail(options.log, Status::kUnsupported, "model: has no tokenizer, so it cannot classify text");
  }
  if (model.info().batch_routing_group) {
    return Fail(options.log, Status::kUnsupported,
                "model: routing_group batch: a text's label would depend on its neighbours; see `smx run`");
  }
  if (MaxTokens(model, options) < kFewestTokens) {
    return Fail(options.log, Status::kUnsupported, "model: max_seq_len %zu, text needs at least %zu",
                MaxTokens(model, options), kFewestTokens);
  }
  return Status::kOk;
}

/// In place: softmax(x / temperature).
void Softmax(float temperature, Span<float> x) {
  const float max = *std::max_element(x.begin(), x.end());
  float sum = 0.0f;
  for (float& value : x) {
    value = std::exp((value - max) / temperature);
    sum += value;
  }
  for (float& value : x) value /= sum;
}

/// How many rows the encoder reads: reference padding mixes and routes pads too, so its meaning needs all of them.
size_t PadTokens(const ClassifierState& state, size_t num_tokens) {
  const ModelInfo& info = state.model.info();
  if (info.masked_padding) return num_tokens;
  std::fill(state.token_ids.begin() + num_tokens, state.token_ids.end(), info.pad_id);
  std::fill(state.type_ids.begin() + num_tokens, state.type_ids.end(), 0);
  return state.token_ids.size();
}

}  // namespace

Classifier::Classifier(std::unique_ptr<ClassifierState> state) : state_(std::move(state)) {}
Classifier::Classifier(Classifier&&) noexcept = default;
Classifier& Classifier::operator=(Classifier&&) noexcept = default;
Classifier::~Classifier() = default;

Result<size_t> Classifier::ArenaBytes(const Model& model, const Options& options) {
  SMX_TRY(CheckModel(model, options));
  SMX_ASSIGN_OR_RETURN(const size_t encoder_bytes, Encoder::ArenaBytes(model, options));
  // Any alignment of the arena will do: up to 3 bytes bring our own values to a multiple of 4.
  const Checked bytes = Checked(encoder_bytes) + Checked(OwnBytes(model, options)) + Checked(alignof(float) - 1);
  if (!bytes.AtMost(SIZE_MAX)) return Status::kUnsupported;
  return static_cast<size_t>(bytes.value());
}

Result<Classifier> Classifier::Create(const Model& model, const Options& options, Span<uint8_t> arena) {
  SMX_ASSIGN_OR_RETURN(const size_t bytes, ArenaBytes(model, options));
  if (arena.size() < bytes) {
    return Fail(options.log, Status::kArenaTooSmall, "arena: %zu bytes, ArenaBytes says %zu", arena.size(), bytes);
  }
  const size_t skip = (alignof(float) - reinterpret_cast<uintptr_t>(arena.data()) % alignof(float)) % alignof(float);
  const size_t own_bytes = OwnBytes(model, options);
  SMX_ASSIGN_OR_RETURN(Tokenizer tokenizer, Tokenizer::Create(model, options.log));
  SMX_ASSIGN_OR_RETURN(
      Encoder encoder,
      Encoder::Create(model, options, arena.subspan(skip + own_bytes, arena.size() - skip - own_bytes)));
  auto state = MakeUnique<ClassifierState>(model, tokenizer, std::move(encoder));
  if (state == nullptr) return Fail(options.log, Status::kOutOfMemory, "no memory to create a classifier");

  const size_t max_tokens = MaxTokens(model, options);
  int32_t* ids = reinterpret_cast<int32_t*>(arena.data() + skip);
  state->token_ids = {ids, max_tokens};
  state->type_ids = {ids + max_tokens, max_tokens};
  state->logits = {reinterpret_cast<float*>(ids + 2 * max_tokens), model.info().num_classes};
  state->arena_bytes = bytes;
  state->log = options.log;
  return Classifier(std::move(state));
}

Status Classifier::Classify(std::string_view text, std::string_view text_pair, const TokenizeOptions& options,
                            Span<float> probabilities, Prediction* prediction) {
  ClassifierState& state = *state_;
  if (!probabilities.empty() && probabilities.size() != state.logits.size()) {
    return Fail(state.log, Status::kInvalidArgument, "probabilities: room for %zu, the model has %zu classes",
                probabilities.size(), state.logits.size());
  }
  TokenizeResult tokens = {};
  SMX_TRY(state.tokenizer.Tokenize(text, text_pair, options, {state.token_ids, state.type_ids, {}}, &tokens));
  const size_t num_rows = PadTokens(state, tokens.num_tokens);
  SMX_TRY(state.encoder.Run(state.token_ids.subspan(0, num_rows), state.type_ids.subspan(0, num_rows),
                            {{}, {}, state.logits}));
  // Before softmax, which may round close logits to one probability.
  const float* best = std::max_element(state.logits.begin(), state.logits.end());
  const ModelInfo& info = state.model.info();
  if (!info.is_regression) Softmax(static_cast<float>(info.temperature), state.logits);
  std::copy_n(state.logits.data(), probabilities.size(), probabilities.data());
  prediction->class_index = static_cast<size_t>(best - state.logits.begin());
  prediction->label = state.model.label(prediction->class_index);
  prediction->probability = *best;
  prediction->num_tokens = tokens.num_tokens;
  prediction->num_tokens_whole = tokens.num_tokens_whole;
  prediction->truncated = tokens.truncated();
  return Status::kOk;
}

Status Classifier::Classify(std::string_view text, Prediction* prediction) {
  return Classify(text, {}, {}, {}, prediction);
}

Report Classifier::report() const {
  Report report = state_->encoder.report();
  report.arena_bytes = state_->arena_bytes;
  return report;
}

}  // namespace smx
