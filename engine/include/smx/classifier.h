#ifndef SMX_CLASSIFIER_H_
#define SMX_CLASSIFIER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "smx/encoder.h"
#include "smx/model.h"
#include "smx/options.h"
#include "smx/span.h"
#include "smx/status.h"
#include "smx/tokenizer.h"

namespace smx {

namespace internal {
class TextEncoder;
}

/// What a text was found to be. Pointers live as long as the model.
struct Prediction {
  const char* label;        ///< Name of the most probable class; "" when the file names none.
  size_t class_index;       ///< Of the largest logit, the first of equals; the temperature does not matter.
  float probability;        ///< Of that class, 0..1, as the model's Task has it. Regression: the value itself.
  size_t num_tokens;        ///< Tokens that were read, special tokens included.
  size_t num_tokens_whole;  ///< Tokens of the whole text; more than num_tokens when it was truncated.
  bool truncated;
  size_t num_windows;  ///< 1 unless the text was read in more, see WindowOptions.
};

/// Text to label: tokenizer, encoder and softmax, or sigmoid, over one arena.
///
/// Of Task::kMultiLabel any number of classes may hold, or none: those whose probability reaches a threshold, such as
/// 0.5. Ask for all probabilities; the Prediction names the surest class only.
///
/// The model's temperature, 1 unless its file says otherwise, makes probabilities mean what they say: it is fitted on
/// texts that the model was not trained on. An app that abstains compares `probability` with a threshold of its own;
/// `smx evaluate --precision` finds one. Encoder's logits know no temperature.
///
/// Same rules as Encoder: no heap after Create, one call at a time, answers depend on the text alone.
class Classifier {
 public:
  /// Bytes that Create needs, at any alignment; exact. Errors as Encoder::ArenaBytes, and kUnsupported for a model
  /// without a tokenizer, without a head, or one that routes over batches: its answers would depend on a text's
  /// neighbours.
  static Result<size_t> ArenaBytes(const Model& model, const Options& options = {});

  /// Errors as Encoder::Create and ArenaBytes above.
  static Result<Classifier> Create(const Model& model, const Options& options, Span<uint8_t> arena);

  Classifier(Classifier&&) noexcept;
  Classifier& operator=(Classifier&&) noexcept;
  ~Classifier();

  /// Labels UTF-8 `text`, or the pair of `text` and `text_pair`. Texts longer than the model reads are truncated, and
  /// the prediction says so, or read in windows. An empty text is a text: [CLS] [SEP], or a pad.
  ///
  /// @param probabilities  empty, or [num_classes] in class order: of each class its probability, of a regression the
  /// value.
  /// @retval kInvalidArgument  probabilities has another length, or windows of a pair or of too large an overlap.
  Status Classify(std::string_view text, std::string_view text_pair, const TextOptions& options,
                  Span<float> probabilities, Prediction* prediction);

  /// The same with the usual options and nothing but the best label.
  Status Classify(std::string_view text, Prediction* prediction);

  Report report() const;

 private:
  explicit Classifier(std::unique_ptr<internal::TextEncoder> state);
  std::unique_ptr<internal::TextEncoder> state_;
};

/// What a token was found to be. Pointers live as long as the model.
struct TokenLabel {
  int32_t token_id;    ///< Its piece: Tokenizer::Piece.
  TokenOffset offset;  ///< What it covers of the text, or of the second text of a pair.
  bool of_pair;        ///< Whether it belongs to that.
  const char* label;   ///< Name of its most probable class; "" when the file names none.
  size_t class_index;  ///< Of the largest logit, the first of equals; the temperature does not matter.
  float probability;   ///< Of that class: softmax(logits / temperature).
};

/// Text to a label for each of its tokens, such as named entities or parts of speech: tokenizer, encoder and head of
/// Task::kTokenLabels over one arena.
///
/// Same rules as Encoder: no heap after Create, one call at a time, answers depend on the text alone.
class TokenLabeler {
 public:
  /// Bytes that Create needs, at any alignment; exact. Errors as Encoder::ArenaBytes, and kUnsupported for a model of
  /// another task, without a tokenizer, or one that routes over batches.
  static Result<size_t> ArenaBytes(const Model& model, const Options& options = {});

  /// Errors as Encoder::Create and ArenaBytes above.
  static Result<TokenLabeler> Create(const Model& model, const Options& options, Span<uint8_t> arena);

  TokenLabeler(TokenLabeler&&) noexcept;
  TokenLabeler& operator=(TokenLabeler&&) noexcept;
  ~TokenLabeler();

  /// Labels the tokens of UTF-8 `text`, or of the pair of `text` and `text_pair` unless its data() is null. Texts
  /// longer than the model reads are truncated, and `tokens` says so.
  ///
  /// @param labels  out: of tokens->num_tokens tokens in order; [CLS] and [SEP], which cover nothing, among them. Room
  /// for max_seq_len is always enough. Void on error.
  /// @retval kInvalidArgument  labels has less room than there are tokens.
  Status Label(std::string_view text, std::string_view text_pair, const TokenizeOptions& options,
               Span<TokenLabel> labels, TokenizeResult* tokens);

  Report report() const;

 private:
  explicit TokenLabeler(std::unique_ptr<internal::TextEncoder> state);
  std::unique_ptr<internal::TextEncoder> state_;
};

}  // namespace smx

#endif  // SMX_CLASSIFIER_H_
