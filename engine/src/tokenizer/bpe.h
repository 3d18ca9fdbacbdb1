#ifndef SMX_TOKENIZER_BPE_H_
#define SMX_TOKENIZER_BPE_H_

#include <cstddef>
#include <cstdint>

#include "tokenizer/vocabulary.h"

namespace smx {

/// A token as merging goes: so many bytes, and the piece that they are or schema::kFreeSlot (one code point).
struct BpeToken {
  size_t num_bytes;
  uint32_t id;
};

/// Whether merging the bytes of `left` and `right`, which meet at `boundary`, ends with these two tokens.
///
/// Merging takes the pair of lowest rank first and of equals the leftmost, until no two neighbours make a piece. What
/// it makes of a text is then cut by the boundaries that it never merged across, so a sequence of tokens is its result
/// exactly when each two neighbours are the result of their own bytes; and that can be told without merging: going back
/// in time, the two tokens that met at the boundary at any moment made no piece of a rank before the next merge.
/// A piece's own last merge is in left_bytes. No piece has a lower rank than its parts
/// (tools/lib/tokenizers/bpe_merges.h), so merges happen by rank, and of one rank all those of `left` before those of
/// `right`.
///
/// At most as many steps as the two tokens have bytes; adds them to `steps`.
bool StayApart(const TokenizerView& view, const char* boundary, BpeToken left, BpeToken right, uint64_t* steps);

}  // namespace smx

#endif  // SMX_TOKENIZER_BPE_H_
