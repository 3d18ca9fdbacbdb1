#ifndef SMX_TOKENIZER_TOKEN_WRITER_H_
#define SMX_TOKENIZER_TOKEN_WRITER_H_

#include <cstddef>
#include <cstdint>

#include "smx/tokenizer.h"

namespace smx {

/// Called when there is no room for the next token; returns how many of the kept ones are still there, less than
/// `limit`.
struct MakeRoom {
  size_t (*hook)(void* context) = nullptr;
  void* context = nullptr;
};

/// Keeps the first `limit` of the tokens that it is given, at `out` from `first` on, and counts all; with a hook that
/// makes room it keeps them as far as there is room.
class TokenWriter {
 public:
  TokenWriter(const TokenBuffers& out, size_t first, size_t limit, int32_t type_id, const MakeRoom& make_room = {})
      : out_(out), first_(first), limit_(limit), type_id_(type_id), make_room_(make_room) {}

  void Add(uint32_t id, TokenOffset offset) {
    if (num_kept_ == limit_ && make_room_.hook != nullptr) num_kept_ = make_room_.hook(make_room_.context);
    if (num_kept_ < limit_) {
      const size_t i = first_ + num_kept_++;
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
  size_t num_kept() const { return num_kept_; }

 private:
  const TokenBuffers& out_;
  size_t first_;
  size_t limit_;
  int32_t type_id_;
  MakeRoom make_room_;
  size_t num_tokens_ = 0;
  size_t num_kept_ = 0;
};

}  // namespace smx

#endif  // SMX_TOKENIZER_TOKEN_WRITER_H_
