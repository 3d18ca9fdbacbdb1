#ifndef SMX_TOKENIZER_H_
#define SMX_TOKENIZER_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "smx/model.h"
#include "smx/platform.h"
#include "smx/span.h"
#include "smx/status.h"

namespace smx {

/// What a token covers: bytes [begin, end) of the text that it comes from. [CLS] and [SEP] cover nothing (0, 0); nor
/// does a token that stands for a space which the tokenizer puts in front of a text or word.
struct TokenOffset {
  uint32_t begin;
  uint32_t end;
};

struct TokenizeOptions {
  /// [CLS] text [SEP], with a pair [CLS] text [SEP] pair [SEP]; or those of them that the model's tokenizer has.
  bool add_special_tokens = true;
  /// Special tokens typed in the text, such as "[MASK]", become their ids, as the genuine tokenizers do; else text.
  bool parse_special_tokens = true;
};

/// How what the model gives for each window of a text becomes one answer, number by number.
enum class WindowPooling : uint8_t { kMean, kMax };

/// How a text of more tokens than the model reads is read. Without windows it is cut.
///
/// A window holds as many tokens as the model reads, [CLS] and [SEP] among them; each but the first begins with the
/// last `overlap` text tokens of the one before, and the last ends with the text. Logits are pooled before they become
/// probabilities, vectors before they are normalized. A text of one window has the bits that it has without windows.
/// Time is that of its windows. Only a single text is read so, not a pair.
struct WindowOptions {
  bool enabled = false;
  size_t overlap = 0;  ///< Less than the text tokens of a window.
  WindowPooling pooling = WindowPooling::kMean;
};

/// From a text to what a model reads.
struct TextOptions {
  TokenizeOptions tokenize;
  WindowOptions windows;
};

/// Where Tokenize writes; `token_ids` decides the capacity, type_ids and offsets are empty or as long.
struct TokenBuffers {
  Span<int32_t> token_ids;
  Span<int32_t> type_ids;
  Span<TokenOffset> offsets;
  Span<uint8_t> scratch = {};  ///< Tokenizer::scratch_bytes() to work in, at any alignment, for this call only.
};

struct TokenizeResult {
  size_t num_tokens;        ///< Written, special tokens included; at most the capacity.
  size_t num_tokens_whole;  ///< Of the whole text; more than num_tokens when it was truncated.
  size_t num_windows;       ///< 1, or what a text took that was read as WindowOptions say; all tokens are read then.
  size_t pair_begin;        ///< The first of the written tokens that is of the pair; num_tokens where none is.
  bool truncated() const { return num_tokens < num_tokens_whole; }
};

/// Turns UTF-8 into token ids: normalization, words, then pieces of the vocabulary: the longest from the left
/// (WordPiece), those with the highest sum of scores (Unigram), or those that merging ends with (BPE).
///
/// Invalid UTF-8 counts as U+FFFD, per byte for a SentencePiece model, else per maximal subpart. A text of n bytes
/// takes O(n) steps, O(n log n) where the best pieces at its front depend on its end; memory does not grow with it.
/// Allocates nothing; stateless, so one Tokenizer serves any number of threads. The model outlives it.
class Tokenizer {
 public:
  /// `log` is kept: its context outlives the Tokenizer.
  ///
  /// @retval kUnsupported  the model holds no tokenizer, or one that is not built.
  static Result<Tokenizer> Create(const Model& model, const Log& log = {});

  /// Ids of `text`, and of `text_pair` unless its data() is null, cut to the capacity: the first tokens of the text
  /// stay, [CLS] and [SEP] too; of a pair the longer text loses its last token first.
  ///
  /// @retval kInvalidArgument  the capacity is too small for the special tokens, a text has 2^32 bytes or more,
  ///                           type_ids or offsets is neither empty nor as long as token_ids, or scratch is too small.
  Status Tokenize(std::string_view text, std::string_view text_pair, const TokenizeOptions& options,
                  const TokenBuffers& out, TokenizeResult* result) const;

  /// The piece with this id, UTF-8; empty for an id outside of the vocabulary.
  std::string_view Piece(int32_t id) const;

  size_t vocab_size() const;

  /// What TokenBuffers::scratch must have: 0 for WordPiece, else some ten thousands.
  size_t scratch_bytes() const;

 private:
  Tokenizer(const internal::ModelData& model, const Log& log) : model_(&model), log_(log) {}
  const internal::ModelData* model_;
  Log log_;
};

}  // namespace smx

#endif  // SMX_TOKENIZER_H_
