#ifndef SMX_TEXT_ENCODER_H_
#define SMX_TEXT_ENCODER_H_

#include <cstddef>
#include <memory>
#include <string_view>

#include "smx/encoder.h"
#include "smx/model.h"
#include "smx/options.h"
#include "smx/span.h"
#include "smx/tokenizer.h"

namespace smx::internal {

/// A text, or a pair of texts unless the second's data() is null.
struct Texts {
  std::string_view text;
  std::string_view pair;
};

/// Text to what an Encoder gives: tokenizer and Encoder over one arena. What Classifier, Embedder and the like share.
/// Token ids, type ids, values and the tokenizer's scratch lie in front, the Encoder's bytes behind.
class TextEncoder {
 public:
  /// Which output a run is for.
  using Wanted = Span<float> EncoderOutput::*;

  /// Exact, at any alignment. `num_values`: of the wanted output, or of the owner's own use.
  ///
  /// @retval kUnsupported  the model has no tokenizer, routes over batches, or cannot hold a pair of texts.
  static Result<size_t> ArenaBytes(const Model& model, const Options& options, size_t num_values);

  /// Errors as Encoder::Create and ArenaBytes above.
  static Result<std::unique_ptr<TextEncoder>> Create(const Model& model, const Options& options, Span<uint8_t> arena,
                                                     size_t num_values);

  TextEncoder(const Model& model, const Options& options, Tokenizer tokenizer, Encoder encoder)
      : model_(model), log_(options.log), tokenizer_(tokenizer), encoder_(std::move(encoder)) {}

  /// Tokens through the Encoder: cut to what the model reads, or in windows, and padded as its padding wants. Fills
  /// values().
  Status Run(const Texts& texts, const TextOptions& options, Wanted wanted, TokenizeResult* tokens);

  /// Run in two steps: the tokens of texts, cut to what the model reads; then those through the Encoder.
  /// `offsets` is empty, or has as many as token_ids().
  Status Tokenize(const Texts& texts, const TokenizeOptions& options, Span<TokenOffset> offsets,
                  TokenizeResult* tokens);
  Status RunTokens(size_t num_tokens, const EncoderOutput& output);

  Span<const int32_t> token_ids() const { return {token_ids_.data(), token_ids_.size()}; }
  const Model& model() const { return model_; }
  const Log& log() const { return log_; }
  Span<float> values() const { return values_; }
  /// The Encoder's, with the whole arena.
  Report report() const;

 private:
  size_t PadTokens(size_t num_tokens) const;
  EncoderOutput ValuesAs(Wanted wanted) const;
  Status RunWindows(const Texts& texts, const TextOptions& options, Wanted wanted, TokenizeResult* tokens);

  const Model& model_;
  const Log log_;
  Tokenizer tokenizer_;
  Encoder encoder_;
  Span<int32_t> token_ids_;  // [max_tokens]
  Span<int32_t> type_ids_;   // [max_tokens]
  Span<float> values_;       // [num_values] of the last tokens that were run, or pooled
  Span<float> pooled_;       // [num_values] of the windows so far
  Span<uint8_t> scratch_;    // [tokenizer_.scratch_bytes()]
  size_t arena_bytes_ = 0;
};

}  // namespace smx::internal

#endif  // SMX_TEXT_ENCODER_H_
