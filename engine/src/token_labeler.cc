#include <algorithm>
#include <cmath>

#include "base/log.h"
#include "smx/classifier.h"
#include "text_encoder.h"

namespace smx {

using internal::TextEncoder;

namespace {

/// Of the TextEncoder's values, which nothing else needs: a position and an offset for each token.
constexpr size_t kValuesPerToken = 1 + sizeof(TokenOffset) / sizeof(float);

Result<size_t> NumValues(const Model& model, const Options& options) {
  if (model.info().task != Task::kTokenLabels) {
    return Fail(options.log, Status::kUnsupported, "model: of task %s, which labels no tokens",
                TaskName(model.info().task));
  }
  return kValuesPerToken * (options.max_tokens == 0 ? model.info().max_seq_len : options.max_tokens);
}

struct Labelling {
  const Model& model;
  Span<TokenLabel> labels;
};

void KeepBest(void* context, size_t index, Span<const float> logits) {
  const Labelling& labelling = *static_cast<const Labelling*>(context);
  const float* const best = std::max_element(logits.begin(), logits.end());
  const float temperature = static_cast<float>(labelling.model.info().temperature);
  double sum = 0.0;
  for (const float logit : logits) sum += static_cast<double>(std::exp((logit - *best) / temperature));
  TokenLabel& label = labelling.labels[index];
  label.class_index = static_cast<size_t>(best - logits.begin());
  label.label = labelling.model.label(label.class_index);
  label.probability = static_cast<float>(1.0 / sum);
}

}  // namespace

TokenLabeler::TokenLabeler(std::unique_ptr<TextEncoder> state) : state_(std::move(state)) {}
TokenLabeler::TokenLabeler(TokenLabeler&&) noexcept = default;
TokenLabeler& TokenLabeler::operator=(TokenLabeler&&) noexcept = default;
TokenLabeler::~TokenLabeler() = default;

Result<size_t> TokenLabeler::ArenaBytes(const Model& model, const Options& options) {
  SMX_ASSIGN_OR_RETURN(const size_t num_values, NumValues(model, options));
  return TextEncoder::ArenaBytes(model, options, num_values);
}

Result<TokenLabeler> TokenLabeler::Create(const Model& model, const Options& options, Span<uint8_t> arena) {
  SMX_ASSIGN_OR_RETURN(const size_t num_values, NumValues(model, options));
  SMX_ASSIGN_OR_RETURN(auto state, TextEncoder::Create(model, options, arena, num_values));
  return TokenLabeler(std::move(state));
}

Status TokenLabeler::Label(std::string_view text, std::string_view text_pair, const TokenizeOptions& options,
                           Span<TokenLabel> labels, TokenizeResult* tokens) {
  const size_t max_tokens = state_->token_ids().size();
  uint32_t* const positions = reinterpret_cast<uint32_t*>(state_->values().data());
  TokenOffset* const offsets = reinterpret_cast<TokenOffset*>(positions + max_tokens);
  SMX_TRY(state_->Tokenize({text, text_pair}, options, {offsets, max_tokens}, tokens));
  if (labels.size() < tokens->num_tokens) {
    return Fail(state_->log(), Status::kInvalidArgument, "labels: room for %zu, the text has %zu tokens", labels.size(),
                tokens->num_tokens);
  }
  for (size_t i = 0; i < tokens->num_tokens; ++i) {
    positions[i] = static_cast<uint32_t>(i);
    labels[i] = {state_->token_ids()[i], offsets[i], i >= tokens->pair_begin, "", 0, 0.0f};
  }
  Labelling labelling = {state_->model(), labels};
  EncoderOutput output;
  output.tokens = {{positions, tokens->num_tokens}, KeepBest, &labelling};
  return state_->RunTokens(tokens->num_tokens, output);
}

Report TokenLabeler::report() const { return state_->report(); }

}  // namespace smx
