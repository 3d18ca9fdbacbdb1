#ifndef SMX_TOKENIZER_SEGMENTER_H_
#define SMX_TOKENIZER_SEGMENTER_H_

#include <cstddef>
#include <cstdint>

#include "tokenizer/bpe.h"
#include "tokenizer/text_reader.h"
#include "tokenizer/token_writer.h"
#include "tokenizer/vocabulary.h"

namespace smx {

/// Cuts words of any length into pieces: the ones with the highest sum of scores (kUnigram), or those that merging ends
/// with (kBpe). Both choose, for each place in a word, the last piece of the best pieces up to it; StayApart says why
/// that is so for merges.
///
/// Which of these pieces are taken may be known only at the end of the word, and no memory grows with it. So the last
/// pieces are kept for a block only. Within a block all that can still be the best mostly agree on a beginning,
/// which is then written. If they do not, it is first found out where the best pieces cross the ends of this block and
/// of those behind it (Plan); then each block is gone through again. Words of n bytes take O(n log n) steps, of a block
/// O(n), each step at most schema::kMaxUsedRun probes of the vocabulary.
class Segmenter {
 public:
  /// Exact, at any alignment.
  static size_t ScratchBytes(const TokenizerView& view);

  /// `scratch` of ScratchBytes. `avoids_special`: special tokens are not found as pieces of a text.
  Segmenter(const TextReader& reader, const TokenizerView& view, bool avoids_special, uint8_t* scratch,
            TokenWriter* writer);

  /// Adds the tokens of what the reader reads.
  void Run();

  /// Pieces looked for so far, to see that they are not too many.
  uint64_t steps() const { return steps_; }

 private:
  /// A place in a word: the best pieces that end there.
  struct Node {
    double score;     // kUnigram: of them together
    uint32_t id;      // of the last, or schema::kFreeSlot
    uint16_t length;  // of the last, in bytes; 0 when nothing ends here
    uint16_t label;   // how far behind the last cut they first have a boundary
  };

  /// Where reading is: `next` is the code point behind what was taken.
  struct Cursor {
    TextReader reader;
    ReadCodePoint next;
    bool has_next;

    void Advance() { has_next = reader.Next(&next); }
    bool InWord() const { return has_next && !next.begins_word; }
  };

  Node& NodeAt(uint64_t position) { return nodes_[position & (ring_size_ - 1)]; }
  const char* TextAt(uint64_t position) const { return window_ + (position - window_begin_); }
  uint64_t PreviousBoundary(uint64_t position);
  bool IsPiece(uint32_t id, size_t num_bytes, size_t first_bytes) const;

  void SegmentWord();
  void Restart();
  void KeepNode();
  void LimitFloatSums();
  void Fill();
  bool AtEnd();
  void StepTo(uint64_t limit);
  void Step();
  void Offer(size_t num_bytes, uint32_t id, bool is_first);
  double Sum(double score, uint32_t id) const;

  uint64_t CommonBoundary();
  void Plan(uint64_t limit);
  bool LabelsAgree(uint16_t* label);
  void Cut();
  void HalveCuts();
  void CommitTargets();
  void Commit(uint64_t target);
  TokenOffset TakePiece(size_t num_bytes);
  void AddToken(size_t first_bytes, TokenOffset source);

  const TokenizerView& view_;
  const bool avoids_special_;
  TokenWriter* writer_;
  uint64_t steps_ = 0;

  // Positions are bytes of the normalized word. All before the base is written.
  Cursor base_;
  uint64_t base_position_ = 0;
  double base_score_ = 0;
  BpeToken last_ = {0, schema::kFreeSlot};  // the piece before the base, its bytes in last_text_
  bool last_is_unknown_ = false;

  // Steps have been done up to position_; the window holds text from behind it on and up to the reader ahead.
  Cursor ahead_;
  uint64_t position_ = 0;
  uint64_t window_begin_ = 0;
  uint64_t window_end_ = 0;

  size_t num_cuts_ = 0;
  size_t num_targets_ = 0;
  uint64_t cut_spacing_ = 0;

  // Scratch.
  size_t longest_;      // bytes that a piece may have
  size_t ring_size_;    // a power of two above it
  size_t block_nodes_;  // of a block, and room for what is planned a little too far
  Node* nodes_;         // [ring_size]
  uint64_t* cuts_;      // [kMaxCuts]
  uint64_t* targets_;   // [kMaxTargets] boundaries that the best pieces have, the next one last
  double* scores_;      // [block_nodes] by position behind the base
  uint16_t* lengths_;   // [block_nodes] the same, of the last piece
  uint16_t* labels_;    // [kMaxCuts, longest + 1] of the nodes behind each cut
  char* window_;        // [kWindowRings * ring_size]
  char* last_text_;     // [ring_size]
};

}  // namespace smx

#endif  // SMX_TOKENIZER_SEGMENTER_H_
