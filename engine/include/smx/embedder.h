#ifndef SMX_EMBEDDER_H_
#define SMX_EMBEDDER_H_

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

/// Which rows after the last block make the vector of a text.
enum class Pooling : uint8_t {
  kMean,  ///< The mean of the rows of all its tokens, special tokens included, pads not.
  kCls,   ///< The row of [CLS], as it is: not through the pooler.
};

struct EmbedOptions {
  Pooling pooling = Pooling::kMean;
  bool normalize = false;  ///< To a length of 1 (L2); a vector of zeros stays one.
  TextOptions text;
};

/// Text to vector: tokenizer, encoder and pooling over one arena. Any model with a tokenizer will do, one with a
/// classification head too; which pooling, and whether normalized, is what the model was trained with.
///
/// Same rules as Encoder: no heap after Create, one call at a time, a vector depends on the text alone.
class Embedder {
 public:
  /// Bytes that Create needs, at any alignment; exact. Errors as Encoder::ArenaBytes, and kUnsupported for a model
  /// without a tokenizer or one that routes over batches: its vectors would depend on a text's neighbours.
  static Result<size_t> ArenaBytes(const Model& model, const Options& options = {});

  /// Errors as Encoder::Create and ArenaBytes above.
  static Result<Embedder> Create(const Model& model, const Options& options, Span<uint8_t> arena);

  Embedder(Embedder&&) noexcept;
  Embedder& operator=(Embedder&&) noexcept;
  ~Embedder();

  /// The vector of UTF-8 `text`, or of the pair of `text` and `text_pair` unless its data() is null. Texts longer than
  /// the model reads are truncated, and `tokens` says so, or read in windows.
  ///
  /// @param embedding  [d_model], out; untouched on error.
  /// @retval kInvalidArgument  embedding has another length, or windows of a pair or of too large an overlap.
  Status Embed(std::string_view text, std::string_view text_pair, const EmbedOptions& options, Span<float> embedding,
               TokenizeResult* tokens);

  Report report() const;

 private:
  explicit Embedder(std::unique_ptr<internal::TextEncoder> state);
  std::unique_ptr<internal::TextEncoder> state_;
};

}  // namespace smx

#endif  // SMX_EMBEDDER_H_
