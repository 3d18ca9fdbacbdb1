#ifndef SMX_MASK_FILLER_H_
#define SMX_MASK_FILLER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "smx/model.h"
#include "smx/options.h"
#include "smx/report.h"
#include "smx/span.h"
#include "smx/status.h"
#include "smx/tokenizer.h"

namespace smx {

namespace internal {
class TextEncoder;
}

/// A token that may stand where a mask is.
struct MaskCandidate {
  int32_t token_id;   ///< Its piece: Tokenizer::Piece.
  float probability;  ///< softmax(logits) over the vocabulary.
};

struct FillOptions {
  size_t top = 1;  ///< Candidates of each mask, 1 .. vocab_size.
  TokenizeOptions tokenize;
};

struct FillResult {
  size_t num_masks;       ///< Among the tokens that were read.
  TokenizeResult tokens;  ///< Of the text, cut to what the model reads.
};

/// Text with masks to the tokens that the model puts there: tokenizer, encoder and head of masked tokens over one
/// arena. A mask is the special token "[MASK]", or "<mask>" of a vocabulary without it.
///
/// Same rules as Encoder: no heap after Create, one call at a time, answers depend on the text alone.
class MaskFiller {
 public:
  /// Bytes that Create needs, at any alignment; exact. Errors as Encoder::ArenaBytes, and kUnsupported for a model of
  /// another task than Task::kMaskedTokens, without a tokenizer or a mask in it, or one that routes over batches.
  static Result<size_t> ArenaBytes(const Model& model, const Options& options = {});

  /// Errors as Encoder::Create and ArenaBytes above.
  static Result<MaskFiller> Create(const Model& model, const Options& options, Span<uint8_t> arena);

  MaskFiller(MaskFiller&&) noexcept;
  MaskFiller& operator=(MaskFiller&&) noexcept;
  ~MaskFiller();

  /// The best candidates for the masks of UTF-8 `text`, or of the pair of `text` and `text_pair` unless its data() is
  /// null. Only rows up to the last mask are computed in the last block.
  ///
  /// @param candidates  [masks, options.top], room for at least as many masks as there are; of each, best first, of
  /// equals the lower id. Void on error.
  /// @retval kInvalidArgument  options.top is out of range, or candidates too small.
  Status Fill(std::string_view text, std::string_view text_pair, const FillOptions& options,
              Span<MaskCandidate> candidates, FillResult* result);

  Report report() const;

 private:
  MaskFiller(std::unique_ptr<internal::TextEncoder> state, int32_t mask_id);
  std::unique_ptr<internal::TextEncoder> state_;
  int32_t mask_id_;
};

}  // namespace smx

#endif  // SMX_MASK_FILLER_H_
