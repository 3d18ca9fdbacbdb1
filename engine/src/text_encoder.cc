#include "text_encoder.h"

#include <algorithm>

#include "base/checked_math.h"
#include "base/fixed_array.h"
#include "base/log.h"
#include "model/model_data.h"
#include "tokenizer/tokenize_text.h"

namespace smx::internal {
namespace {

/// [CLS] and two [SEP]: less cannot hold a pair.
constexpr size_t kFewestTokens = 3;

size_t MaxTokens(const Model& model, const Options& options) {
  return options.max_tokens == 0 ? model.info().max_seq_len : options.max_tokens;
}

/// In front of the Encoder's arena; values of 4 bytes, then scratch.
size_t OwnBytes(const Model& model, const Options& options, size_t num_values) {
  return 2 * (MaxTokens(model, options) + num_values) * sizeof(float) + ScratchBytes(*model.data().tokenizer());
}

Status CheckModel(const Model& model, const Options& options) {
  if (!model.info().has_tokenizer) {
    return Fail(options.log, Status::kUnsupported, "model: has no tokenizer, so it cannot read text");
  }
  if (model.info().batch_routing_group) {
    return Fail(options.log, Status::kUnsupported,
                "model: routing_group batch: a text's answer would depend on its neighbours; see `smx run`");
  }
  if (MaxTokens(model, options) < kFewestTokens) {
    return Fail(options.log, Status::kUnsupported, "model: max_seq_len %zu, text needs at least %zu",
                MaxTokens(model, options), kFewestTokens);
  }
  return Status::kOk;
}

/// Pools windows into `pooled`, in their order.
class WindowPool {
 public:
  WindowPool(WindowPooling pooling, Span<float> pooled) : pooling_(pooling), pooled_(pooled) {}

  void Add(Span<const float> window) {
    ++count_;
    for (size_t i = 0; i < pooled_.size(); ++i) {
      const float value = window[i];
      if (count_ == 1) {
        pooled_[i] = value;
      } else if (pooling_ == WindowPooling::kMax) {
        pooled_[i] = std::max(pooled_[i], value);
      } else {
        pooled_[i] += value;
      }
    }
  }

  /// At least one was added.
  void Finish() {
    if (pooling_ == WindowPooling::kMax) return;
    for (float& value : pooled_) value /= static_cast<float>(count_);
  }

 private:
  const WindowPooling pooling_;
  const Span<float> pooled_;
  size_t count_ = 0;
};

}  // namespace

Result<size_t> TextEncoder::ArenaBytes(const Model& model, const Options& options, size_t num_values) {
  SMX_TRY(CheckModel(model, options));
  SMX_ASSIGN_OR_RETURN(const size_t encoder_bytes, Encoder::ArenaBytes(model, options));
  // Any alignment of the arena will do: up to 3 bytes bring our own values to a multiple of 4.
  const Checked bytes =
      Checked(encoder_bytes) + Checked(OwnBytes(model, options, num_values)) + Checked(alignof(float) - 1);
  if (!bytes.AtMost(SIZE_MAX)) return Status::kUnsupported;
  return static_cast<size_t>(bytes.value());
}

Result<std::unique_ptr<TextEncoder>> TextEncoder::Create(const Model& model, const Options& options,
                                                         Span<uint8_t> arena, size_t num_values) {
  SMX_ASSIGN_OR_RETURN(const size_t bytes, ArenaBytes(model, options, num_values));
  if (arena.size() < bytes) {
    return Fail(options.log, Status::kArenaTooSmall, "arena: %zu bytes, ArenaBytes says %zu", arena.size(), bytes);
  }
  const size_t skip = (alignof(float) - reinterpret_cast<uintptr_t>(arena.data()) % alignof(float)) % alignof(float);
  const size_t front = skip + OwnBytes(model, options, num_values);
  SMX_ASSIGN_OR_RETURN(Tokenizer tokenizer, Tokenizer::Create(model, options.log));
  SMX_ASSIGN_OR_RETURN(Encoder encoder, Encoder::Create(model, options, arena.subspan(front, arena.size() - front)));
  auto created = MakeUnique<TextEncoder>(model, options, tokenizer, std::move(encoder));
  if (created == nullptr) return Fail(options.log, Status::kOutOfMemory, "no memory to create an encoder of texts");

  const size_t max_tokens = MaxTokens(model, options);
  int32_t* ids = reinterpret_cast<int32_t*>(arena.data() + skip);
  created->token_ids_ = {ids, max_tokens};
  created->type_ids_ = {ids + max_tokens, max_tokens};
  float* const values = reinterpret_cast<float*>(ids + 2 * max_tokens);
  created->values_ = {values, num_values};
  created->pooled_ = {values + num_values, num_values};
  created->scratch_ = {reinterpret_cast<uint8_t*>(values + 2 * num_values), created->tokenizer_.scratch_bytes()};
  created->arena_bytes_ = bytes;
  return {std::move(created)};
}

/// How many rows the encoder reads: reference padding mixes and routes pads too, so its meaning needs all of them.
/// Masked padding needs none, but a row: a text without a token, of a tokenizer that puts none around it, is a pad.
size_t TextEncoder::PadTokens(size_t num_tokens) const {
  const ModelInfo& info = model_.info();
  const size_t num_rows = info.masked_padding ? std::max<size_t>(num_tokens, 1) : token_ids_.size();
  std::fill(token_ids_.begin() + num_tokens, token_ids_.begin() + num_rows, info.pad_id);
  std::fill(type_ids_.begin() + num_tokens, type_ids_.begin() + num_rows, 0);
  return num_rows;
}

Status TextEncoder::Tokenize(const Texts& texts, const TokenizeOptions& options, Span<TokenOffset> offsets,
                             TokenizeResult* tokens) {
  return tokenizer_.Tokenize(texts.text, texts.pair, options, {token_ids_, type_ids_, offsets, scratch_}, tokens);
}

EncoderOutput TextEncoder::ValuesAs(Wanted wanted) const {
  EncoderOutput output;
  output.*wanted = values_;
  return output;
}

Status TextEncoder::RunTokens(size_t num_tokens, const EncoderOutput& output) {
  const size_t num_rows = PadTokens(num_tokens);
  return encoder_.Run(token_ids_.subspan(0, num_rows), type_ids_.subspan(0, num_rows), output);
}

Status TextEncoder::RunWindows(const Texts& texts, const TextOptions& options, Wanted wanted, TokenizeResult* tokens) {
  if (texts.pair.data() != nullptr) {
    return Fail(log_, Status::kInvalidArgument, "windows: of a pair of texts; only a single text is read in windows");
  }
  struct Windows {
    TextEncoder* encoder;
    Wanted wanted;
    WindowPool pool;
  } windows = {this, wanted, {options.windows.pooling, pooled_}};
  const auto read = [](void* context, size_t num_tokens) {
    Windows& w = *static_cast<Windows*>(context);
    SMX_TRY(w.encoder->RunTokens(num_tokens, w.encoder->ValuesAs(w.wanted)));
    w.pool.Add({w.encoder->values_.data(), w.encoder->values_.size()});
    return Status::kOk;
  };
  const WindowRules rules = {options.tokenize, options.windows.overlap, read, &windows};
  SMX_TRY(TokenizeWindows(*model_.data().tokenizer(), texts.text, rules, {token_ids_, type_ids_, {}, scratch_}, log_,
                          tokens));
  windows.pool.Finish();
  std::copy(pooled_.begin(), pooled_.end(), values_.begin());
  return Status::kOk;
}

Status TextEncoder::Run(const Texts& texts, const TextOptions& options, Wanted wanted, TokenizeResult* tokens) {
  if (options.windows.enabled) return RunWindows(texts, options, wanted, tokens);
  SMX_TRY(Tokenize(texts, options.tokenize, {}, tokens));
  return RunTokens(tokens->num_tokens, ValuesAs(wanted));
}

Report TextEncoder::report() const {
  Report report = encoder_.report();
  report.arena_bytes = arena_bytes_;
  return report;
}

}  // namespace smx::internal
