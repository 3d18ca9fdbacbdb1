#ifndef SMX_TOKENIZER_WORDPIECE_H_
#define SMX_TOKENIZER_WORDPIECE_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tokenizer/token_writer.h"
#include "tokenizer/vocabulary.h"

namespace smx {

/// Longest word that is split into pieces, in code points: bounds what a word takes of the stack.
inline constexpr uint32_t kMaxCharsPerWord = 100;

/// Tokens of a text of less than 2^32 bytes without special tokens: words, normalized, split at spaces and around
/// isolated code points, then into the longest pieces from the left; a word with a part that is no piece, or of more
/// than max_chars_per_word, is [UNK]. Offsets begin at `origin`.
///
/// Linear in the text: per code point at most max_chars_per_word steps, each of at most schema::kMaxUsedRun probes.
void TokenizeWords(const TokenizerView& view, std::string_view text, uint32_t origin, TokenWriter* writer);

}  // namespace smx

#endif  // SMX_TOKENIZER_WORDPIECE_H_
