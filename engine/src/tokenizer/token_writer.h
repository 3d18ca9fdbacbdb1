#ifndef SMX_TOKENIZER_TOKEN_WRITER_H_
#define SMX_TOKENIZER_TOKEN_WRITER_H_

#include <cstddef>
#include <cstdint>

#include "smx/tokenizer.h"

namespace smx {

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

  /// The last token, there must be one, covers the text up to `end`.
  void ExtendLast(uint32_t end) {
    if (num_tokens_ <= limit_ && !out_.offsets.empty()) out_.offsets[first_ + num_tokens_ - 1].end = end;
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

}  // namespace smx

#endif  // SMX_TOKENIZER_TOKEN_WRITER_H_
