#ifndef SMX_TOKENIZER_TOKENIZE_TEXT_H_
#define SMX_TOKENIZER_TOKENIZE_TEXT_H_

#include <cstddef>
#include <string_view>

#include "smx/platform.h"
#include "smx/status.h"
#include "smx/tokenizer.h"
#include "tokenizer/vocabulary.h"

namespace smx {

/// Tokenizer::scratch_bytes.
size_t ScratchBytes(const TokenizerView& view);

/// Tokenizer::Tokenize on a view that CheckTokenizer has proved; the log gets the reason of a refusal.
Status TokenizeText(const TokenizerView& view, std::string_view text, std::string_view text_pair,
                    const TokenizeOptions& options, const TokenBuffers& out, const Log& log, TokenizeResult* result);

/// How TokenizeWindows cuts a text.
struct WindowRules {
  const TokenizeOptions& options;
  size_t overlap;  // text tokens that a window shares with the one before
  /// Reads a window, the first `num_tokens` of the buffers. It may write behind them.
  Status (*read)(void* context, size_t num_tokens);
  void* context;
};

/// The tokens of a text of any length in windows as long as the buffers, which have no offsets, each of which is read
/// when it is full, the last one as long as it is; there is always one. In one pass: what a window does not share with
/// the next is gone then.
///
/// @retval kInvalidArgument  overlap is not below the text tokens that a window holds; and as Tokenizer::Tokenize.
/// Errors of `read` end it.
Status TokenizeWindows(const TokenizerView& view, std::string_view text, const WindowRules& rules,
                       const TokenBuffers& out, const Log& log, TokenizeResult* result);

}  // namespace smx

#endif  // SMX_TOKENIZER_TOKENIZE_TEXT_H_
