#ifndef SMX_TOKENIZER_CHECK_H_
#define SMX_TOKENIZER_CHECK_H_

#include <cstddef>
#include <string_view>

#include "smx/platform.h"
#include "smx/status.h"
#include "tokenizer/vocabulary.h"

namespace smx {

/// Proves every index that tokenizing follows, and that every search in it ends soon. The view is of a hostile file.
///
/// @retval kInvalidModel  a rule is broken; the log names value and rule.
/// @retval kUnsupported   sound, but words longer than kMaxCharsPerWord are to be split, or pieces longer than
///                        schema::kMaxPieceBytes to be found.
Status CheckTokenizer(const TokenizerView& view, size_t vocab_size, const Log& log);

/// The part of it that is for kUnigram and kBpe, after pieces and hash_index were proved.
Status CheckReading(const ReadingView& view, const Log& log);
Status CheckSegmentation(const TokenizerView& view, const Log& log);

bool IsUtf8(std::string_view text);

}  // namespace smx

#endif  // SMX_TOKENIZER_CHECK_H_
