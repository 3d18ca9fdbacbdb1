#include "support/liveness.h"

namespace smx::tests {
namespace {

using tools::ModelConfig;

/// What the rules are told of an input.
struct Texts {
  const ModelConfig& config;
  const TokenInput& input;

  size_t length() const { return input.num_tokens(); }
  size_t TextOf(size_t row) const { return row / length(); }
  bool IsReal(size_t row) const {
    return config.padding == schema::Padding_MASKED || input.token_ids[row] != static_cast<int32_t>(config.pad_id);
  }
  Rows All() const {
    Rows rows;
    for (size_t row = 0; row < input.token_ids.size(); ++row) rows.insert(row);
    return rows;
  }
  Rows OfText(size_t text) const {
    Rows rows;
    for (size_t t = 0; t < length(); ++t) rows.insert(text * length() + t);
    return rows;
  }
};

void Add(const Rows& more, Rows* rows) { rows->insert(more.begin(), more.end()); }

/// All tokens of a routing group compete for the experts, so a row that is wanted asks for its whole group; of a batch,
/// for all groups.
Rows MixedRowsFor(const Texts& texts, bool has_experts, const Rows& output) {
  if (!has_experts) return output;
  if (output.empty()) return {};
  if (texts.config.routing_group == schema::RoutingGroup_BATCH) return texts.All();
  Rows rows;
  for (const size_t row : output) Add(texts.OfText(texts.TextOf(row)), &rows);
  return rows;
}

/// Every row of a text is a sum over all of its rows.
void NeedMixing(const Texts& texts, BlockNeeds* needs) {
  for (const size_t row : needs->mixed) Add(texts.OfText(texts.TextOf(row)), &needs->input);
}

/// A real token looks at the real tokens of its text. A pad looks at nothing and averages the values of all rows.
void NeedAttention(const Texts& texts, BlockNeeds* needs) {
  for (const size_t row : needs->mixed) {
    for (const size_t other : texts.OfText(texts.TextOf(row))) {
      if (!texts.IsReal(row)) needs->values.insert(other);
      if (!texts.IsReal(row) || !texts.IsReal(other)) continue;
      needs->keys.insert(other);
      needs->values.insert(other);
    }
  }
  Add(needs->keys, &needs->input);
  Add(needs->values, &needs->input);
}

}  // namespace

RunNeeds NeedsOf(const ModelConfig& config, const TokenInput& input, const Rows& wanted, Rounding rounding) {
  const Texts texts = {config, input};
  RunNeeds run;
  run.blocks.resize(config.layers.size());
  Rows output = wanted;
  const auto round = [rounding](Rows* rows) {
    for (size_t row = 0; rounding == Rounding::kPrefix && !rows->empty() && row < *rows->rbegin(); ++row) {
      rows->insert(row);
    }
  };
  round(&output);
  for (size_t layer = config.layers.size(); layer-- > 0;) {
    BlockNeeds& needs = run.blocks[layer];
    needs.output = output;
    needs.mixed =
        MixedRowsFor(texts, config.layers[layer].feed_forward == schema::FeedForwardKind_EXPERTS, needs.output);
    needs.input = needs.mixed;  // the residual
    if (config.layers[layer].mixing == schema::MixingKind_ATTENTION) {
      NeedAttention(texts, &needs);
    } else {
      NeedMixing(texts, &needs);
    }
    round(&needs.input);
    output = needs.input;
  }
  run.embedding = output;
  return run;
}

Rows PooledRows(const TokenInput& input) {
  Rows rows;
  for (size_t text = 0; text < input.num_texts; ++text) rows.insert(text * input.num_tokens());
  return rows;
}

size_t RealLength(const ModelConfig& config, const TokenInput& input, size_t text) {
  const Texts texts = {config, input};
  size_t length = texts.length();
  while (length > 1 && !texts.IsReal(text * texts.length() + length - 1)) --length;
  return length;
}

}  // namespace smx::tests
