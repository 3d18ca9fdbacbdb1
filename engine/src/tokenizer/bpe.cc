#include "tokenizer/bpe.h"

namespace smx {
namespace {

/// Bytes of the left one of the two tokens that a last merge made `token` of; 0 when none did.
size_t LeftBytes(const SegmentationView& rules, const BpeToken& token) {
  return token.id == schema::kFreeSlot ? 0 : rules.left_bytes[token.id];
}

BpeToken TokenAt(const TokenizerView& view, const char* begin, size_t num_bytes) {
  return {num_bytes, FindPiece(view, {begin, num_bytes})};
}

}  // namespace

bool StayApart(const TokenizerView& view, const char* boundary, BpeToken left, BpeToken right, uint64_t* steps) {
  const SegmentationView& rules = view.segmentation;
  uint64_t limit = schema::kNeverMerged;  // only a merge of a lower rank came before what is undone already
  while (true) {
    ++*steps;
    const BpeToken merged = TokenAt(view, boundary - left.num_bytes, left.num_bytes + right.num_bytes);
    if (LeftBytes(rules, merged) == left.num_bytes && rules.ranks[merged.id] < limit) return false;
    const size_t left_part = LeftBytes(rules, left);
    const size_t right_part = LeftBytes(rules, right);
    if (left_part == 0 && right_part == 0) return true;
    // The later merge is undone first. Of equal ranks the right one is the later; and a merge across the boundary lies
    // before it, but behind one on the left.
    if (left_part == 0 || (right_part != 0 && rules.ranks[right.id] >= rules.ranks[left.id])) {
      limit = uint64_t{rules.ranks[right.id]} + 1;
      right = TokenAt(view, boundary, right_part);
    } else {
      limit = rules.ranks[left.id];
      const size_t num_bytes = left.num_bytes - left_part;
      left = TokenAt(view, boundary - num_bytes, num_bytes);
    }
  }
}

}  // namespace smx
