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

}  // namespace smx

#endif  // SMX_TOKENIZER_TOKENIZE_TEXT_H_
