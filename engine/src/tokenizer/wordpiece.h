#ifndef SMX_TOKENIZER_WORDPIECE_H_
#define SMX_TOKENIZER_WORDPIECE_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "smx/tokenizer.h"
#include "tokenizer/vocabulary.h"

namespace smx {

/// Longest word that is split into pieces, in code points: bounds what a word takes of the stack.
inline constexpr uint32_t kMaxCharsPerWord = 100;

/// Keeps the first `limit` of the tokens that it is given, at `out` from `first` on, and counts all. What lies behind
/// the kept tokens, up to `limit`, may be overwritten.
class TokenWriter {
 public:
  TokenWriter(const TokenBuffers& out, size_t first, size_t limit, int32_t type_id)
      : out_(out), first_(first), limit_(limit), type_id_(type_id) {}

  void Add(uint32_t id, TokenOffset offset) {
    if (num_tokens_ < limit_) {
      const size_t i = first_ + num_tokens_;
      out_.token_ids[i] = static_cast<int32_t>(id);
      if (!out_.type_ids.empty()) out_.type_ids[i] = type_id_;
      if (!out_.offsets.empty()) out_.offsets[i] = offset;
    }
    ++num_tokens_;
  }

  size_t num_tokens() const { return num_tokens_; }
  /// Takes back all but the first `num_tokens`.
  void Rewind(size_t num_tokens) { num_tokens_ = num_tokens; }

 private:
  const TokenBuffers& out_;
  size_t first_;
  size_t limit_;
  int32_t type_id_;
  size_t num_tokens_ = 0;
};

/// Tokens of one text of less than 2^32 bytes, without [CLS] and [SEP]: special tokens typed in the text (the leftmost,
/// then the longest), between them words: normalized, split at spaces and around isolated code points, then into the
/// longest pieces from the left; a word with a part that is no piece, or of more than max_chars_per_word, is [UNK].
///
/// Linear in the text: per code point at most max_chars_per_word steps, each of at most schema::kMaxUsedRun probes.
void TokenizeWords(const TokenizerView& view, std::string_view text, bool parse_special_tokens, TokenWriter* writer);

}  // namespace smx

#endif  // SMX_TOKENIZER_WORDPIECE_H_
