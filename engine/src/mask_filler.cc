#include "smx/mask_filler.h"

#include <algorithm>
#include <cmath>

#include "base/log.h"
#include "model/model_data.h"
#include "text_encoder.h"

namespace smx {

using internal::TextEncoder;

namespace {

/// Fails where nothing can be filled.
Result<int32_t> FindMask(const Model& model, const Options& options) {
  if (model.info().task != Task::kMaskedTokens) {
    return Fail(options.log, Status::kUnsupported, "model: of task %s, which fills no masks",
                TaskName(model.info().task));
  }
  const TokenizerView* tokenizer = model.data().tokenizer();
  if (tokenizer == nullptr) {
    return Fail(options.log, Status::kUnsupported, "model: has no tokenizer, so it cannot read text");
  }
  for (const std::string_view mask : {"[MASK]", "<mask>"}) {
    for (const SpecialTokenView& token : tokenizer->special_tokens) {
      if (token.text == mask) return static_cast<int32_t>(token.id);
    }
  }
  return Fail(options.log, Status::kUnsupported, "model: its tokenizer has no special token [MASK] or <mask>");
}

/// Where masks stand; in the TextEncoder's values, which nothing else needs.
Span<uint32_t> PositionsIn(const TextEncoder& encoder) {
  return {reinterpret_cast<uint32_t*>(encoder.values().data()), encoder.values().size()};
}

size_t MaxMasks(const Model& model, const Options& options) {
  return options.max_tokens == 0 ? model.info().max_seq_len : options.max_tokens;
}

struct Candidates {
  size_t top;
  Span<MaskCandidate> all;  // [masks, top]
};

/// Keeps the best of `logits`, best first, as candidates of mask `index`.
void KeepBest(void* context, size_t index, Span<const float> logits) {
  const Candidates& candidates = *static_cast<const Candidates*>(context);
  const Span<MaskCandidate> best = candidates.all.subspan(index * candidates.top, candidates.top);
  size_t count = 0;
  for (size_t id = 0; id < logits.size(); ++id) {
    if (count == best.size() && !(logits[id] > best[count - 1].probability)) continue;
    size_t at = count < best.size() ? count++ : count - 1;
    for (; at > 0 && logits[id] > best[at - 1].probability; --at) best[at] = best[at - 1];
    best[at] = {static_cast<int32_t>(id), logits[id]};
  }
  const float max = best[0].probability;
  double sum = 0.0;
  for (const float logit : logits) sum += static_cast<double>(std::exp(logit - max));
  for (MaskCandidate& candidate : best) {
    candidate.probability = static_cast<float>(static_cast<double>(std::exp(candidate.probability - max)) / sum);
  }
}

}  // namespace

MaskFiller::MaskFiller(std::unique_ptr<TextEncoder> state, int32_t mask_id)
    : state_(std::move(state)), mask_id_(mask_id) {}
MaskFiller::MaskFiller(MaskFiller&&) noexcept = default;
MaskFiller& MaskFiller::operator=(MaskFiller&&) noexcept = default;
MaskFiller::~MaskFiller() = default;

Result<size_t> MaskFiller::ArenaBytes(const Model& model, const Options& options) {
  SMX_TRY(FindMask(model, options).status());
  return TextEncoder::ArenaBytes(model, options, MaxMasks(model, options));
}

Result<MaskFiller> MaskFiller::Create(const Model& model, const Options& options, Span<uint8_t> arena) {
  SMX_ASSIGN_OR_RETURN(const int32_t mask_id, FindMask(model, options));
  SMX_ASSIGN_OR_RETURN(auto state, TextEncoder::Create(model, options, arena, MaxMasks(model, options)));
  return MaskFiller(std::move(state), mask_id);
}

Status MaskFiller::Fill(std::string_view text, std::string_view text_pair, const FillOptions& options,
                        Span<MaskCandidate> candidates, FillResult* result) {
  const size_t vocab_size = state_->model().info().vocab_size;
  if (options.top < 1 || options.top > vocab_size) {
    return Fail(state_->log(), Status::kInvalidArgument, "fill: top %zu, must be 1..%zu", options.top, vocab_size);
  }
  SMX_TRY(state_->Tokenize({text, text_pair}, options.tokenize, {}, &result->tokens));
  const Span<uint32_t> positions = PositionsIn(*state_);
  result->num_masks = 0;
  for (size_t i = 0; i < result->tokens.num_tokens; ++i) {
    if (state_->token_ids()[i] == mask_id_) positions[result->num_masks++] = static_cast<uint32_t>(i);
  }
  if (candidates.size() / options.top < result->num_masks) {
    return Fail(state_->log(), Status::kInvalidArgument, "fill: room for %zu candidates, %zu masks with %zu each",
                candidates.size(), result->num_masks, options.top);
  }
  Candidates best = {options.top, candidates};
  EncoderOutput output;
  output.tokens = {{positions.data(), result->num_masks}, KeepBest, &best};
  return state_->RunTokens(result->tokens.num_tokens, output);
}

Report MaskFiller::report() const { return state_->report(); }

}  // namespace smx
