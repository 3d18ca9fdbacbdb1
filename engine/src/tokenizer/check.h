#ifndef SMX_TOKENIZER_CHECK_H_
#define SMX_TOKENIZER_CHECK_H_

#include <cstddef>

#include "smx/platform.h"
#include "smx/status.h"
#include "tokenizer/vocabulary.h"

namespace smx {

/// Proves every index that tokenizing follows, and that every search in it ends soon. The view is of a hostile file.
///
/// @retval kInvalidModel  a rule is broken; the log names value and rule.
/// @retval kUnsupported   sound, but words longer than kMaxCharsPerWord are to be split.
Status CheckTokenizer(const TokenizerView& view, size_t vocab_size, const Log& log);

}  // namespace smx

#endif  // SMX_TOKENIZER_CHECK_H_
