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

/// Text to what an Encoder gives: tokenizer and Encoder over one arena, and some values of the owner's. What Classifier
/// and Embedder share. Token ids, type ids, those values and the tokenizer's scratch lie in front, the Encoder's bytes
/// behind.
class TextEncoder {
 public:
  /// Exact, at any alignment.
  ///
  /// @retval kUnsupported  the model has no tokenizer, routes over batches, or cannot hold a pair of texts.
  static Result<size_t> ArenaBytes(const Model& model, const Options& options, size_t num_values);

  /// Errors as Encoder::Create and ArenaBytes above.
  static Result<std::unique_ptr<TextEncoder>> Create(const Model& model, const Options& options, Span<uint8_t> arena,
                                                     size_t num_values);

  TextEncoder(const Model& model, const Options& options, Tokenizer tokenizer, Encoder encoder)
      : model_(model), log_(options.log), tokenizer_(tokenizer), encoder_(std::move(encoder)) {}

  /// Tokens of a text, or of a pair unless the second's data() is null, cut to what the model reads and padded as its
  /// padding wants, through the Encoder.
  Status Run(std::string_view text, std::string_view text_pair, const TokenizeOptions& options,
             const EncoderOutput& output, TokenizeResult* tokens);

  const Model& model() const { return model_; }
  const Log& log() const { return log_; }
  Span<float> values() const { return values_; }
  /// The Encoder's, with the whole arena.
  Report report() const;

 private:
  size_t PadTokens(size_t num_tokens) const;

  const Model& model_;
  const Log log_;
  Tokenizer tokenizer_;
  Encoder encoder_;
  Span<int32_t> token_ids_;  // [max_tokens]
  Span<int32_t> type_ids_;   // [max_tokens]
  Span<float> values_;
  Span<uint8_t> scratch_;  // [tokenizer_.scratch_bytes()]
  size_t arena_bytes_ = 0;
};

}  // namespace smx::internal

#endif  // SMX_TEXT_ENCODER_H_
