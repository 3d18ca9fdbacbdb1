#ifndef SMX_TOOLS_LIB_TOKENIZERS_UNICODE_RULES_H_
#define SMX_TOOLS_LIB_TOKENIZERS_UNICODE_RULES_H_

#include <cstdint>
#include <string>

namespace smx::tools {

// Character properties as Hugging Face's library `tokenizers` 0.23 sees them, which most WordPiece models were trained
// or are served with. That library takes them from several Unicode versions (8, 12, 16 and 17); these functions take
// them from utf8proc and correct the differences, so that every utf8proc from 2.8 on gives the same tables.

/// White_Space of Unicode.
bool IsWhitespace(char32_t code_point);

/// What clean_text removes: Cc, Cf and Co but tab, line feed and carriage return, and U+FFFD. Not unassigned ones.
bool IsRemovedByCleanText(char32_t code_point);

/// The ideographs that handle_chinese_chars isolates.
bool IsChineseCharacter(char32_t code_point);

/// General category P, and the other ASCII characters that a keyboard calls punctuation, such as $ and +.
bool IsPunctuation(char32_t code_point);

/// General category Mn.
bool IsNonspacingMark(char32_t code_point);

/// General categories L and N of Unicode 16, as regular expressions of the library see them.
bool IsLetter(char32_t code_point);
bool IsNumber(char32_t code_point);

/// General category M of the same Unicode that DecomposeCompatibly is of.
bool IsMark(char32_t code_point);

/// Canonical_Combining_Class.
uint8_t CombiningClass(char32_t code_point);

/// Full canonical decomposition; Hangul syllables stay whole.
std::u32string Decompose(char32_t code_point);

/// Full compatibility decomposition; Hangul syllables stay whole.
std::u32string DecomposeCompatibly(char32_t code_point);

/// Lowercase mapping of one code point without context, which may be two.
std::u32string Lowercase(char32_t code_point);

}  // namespace smx::tools

#endif  // SMX_TOOLS_LIB_TOKENIZERS_UNICODE_RULES_H_
