#ifndef SMX_TOKENIZER_VOCABULARY_H_
#define SMX_TOKENIZER_VOCABULARY_H_

#include <cstdint>
#include <cstring>
#include <string_view>

#include "smx/span.h"
#include "tokenizer/charsmap.h"
#include "tokenizer/normalize.h"

namespace smx {

/// A token that is found in the raw text, before normalization.
struct SpecialTokenView {
  uint32_t id;
  std::string_view text;
};

enum class TokenizerKind : uint8_t { kWordPiece, kUnigram, kBpe };
enum class ReadingRule : uint8_t { kSentencePiece, kByteLevel, kMetaspace };

/// schema::CodePointClasses.
struct ClassesView {
  Span<const uint16_t> block_index;
  Span<const uint8_t> blocks;

  /// Of a Unicode scalar value.
  uint8_t ClassOf(uint32_t code_point) const {
    const size_t block = block_index[code_point / schema::kCodePointsPerBlock];
    return blocks[schema::kCodePointsPerBlock * block + code_point % schema::kCodePointsPerBlock];
  }
};

/// schema::Reading: how a text is read before pieces are looked for in it.
struct ReadingView {
  ReadingRule rule = ReadingRule::kSentencePiece;
  CharsMapView charsmap;
  bool add_dummy_prefix = false;
  bool remove_extra_whitespaces = false;
  ClassesView classes;        // kByteLevel, kMetaspace
  bool joins_quotes = false;  // kMetaspace
};

/// schema::Segmentation: how pieces are chosen. Scores of one kind are there for kUnigram, ranks and left_bytes for
/// kBpe.
struct SegmentationView {
  uint32_t unk_id = 0;
  Span<const uint8_t> prefix_filter;
  Span<const uint32_t> byte_ids;
  Span<const float> scores;
  Span<const double> double_scores;
  double unk_score = 0;
  bool float_sums = false;
  Span<const uint32_t> ranks;
  Span<const uint16_t> left_bytes;

  size_t num_scores() const { return scores.size() + double_scores.size(); }
  double Score(size_t id) const { return scores.empty() ? double_scores[id] : double{scores[id]}; }
};

/// A tokenizer in plain views of the model file; what the arrays hold is in schema/model.fbs. Nothing in here may be
/// followed before CheckTokenizer has proved it.
struct TokenizerView {
  TokenizerKind kind = TokenizerKind::kWordPiece;
  Span<const uint8_t> pieces;
  Span<const uint32_t> piece_offsets;
  Span<const uint32_t> hash_index;
  uint32_t cls_id = 0;
  uint32_t sep_id = 0;
  bool adds_cls = true;
  bool adds_sep = true;
  uint8_t pair_type_id = 1;
  Span<const SpecialTokenView> special_tokens;
  // kWordPiece
  uint32_t unk_id = 0;
  uint32_t max_chars_per_word = 0;     // a longer word is [UNK]
  std::string_view continuing_prefix;  // "##", before each piece of a word but the first
  NormalizationView normalization;     // kUnigram too, or empty
  // kUnigram, kBpe
  ReadingView reading;
  SegmentationView segmentation;
  size_t longest_piece_bytes = 0;  // LongestPiece; where the search for a piece may stop

  size_t num_pieces() const { return piece_offsets.size() - 1; }

  /// id < num_pieces()
  std::string_view Piece(uint32_t id) const {
    const uint32_t begin = piece_offsets[id];
    return {reinterpret_cast<const char*>(pieces.data()) + begin, piece_offsets[id + 1] - begin};
  }
};

/// Bytes of the longest piece, before anything is proved: an upper bound even when the offsets are not rising.
inline size_t LongestPiece(Span<const uint32_t> piece_offsets) {
  size_t longest = 0;
  for (size_t i = 1; i < piece_offsets.size(); ++i) {
    const size_t bytes = piece_offsets[i] - piece_offsets[i - 1];
    longest = bytes > longest ? bytes : longest;
  }
  return longest;
}

/// The id of the piece `prefix` + `rest`, whose hash is `hash`, or schema::kFreeSlot.
inline uint32_t FindPiece(const TokenizerView& view, uint32_t hash, std::string_view prefix, std::string_view rest) {
  const size_t mask = view.hash_index.size() - 1;
  for (size_t slot = hash & mask;; slot = (slot + 1) & mask) {
    const uint32_t id = view.hash_index[slot];
    if (id == schema::kFreeSlot) return id;
    const std::string_view piece = view.Piece(id);
    if (piece.size() == prefix.size() + rest.size() && std::memcmp(piece.data(), prefix.data(), prefix.size()) == 0 &&
        std::memcmp(piece.data() + prefix.size(), rest.data(), rest.size()) == 0) {
      return id;
    }
  }
}

inline uint32_t FindPiece(const TokenizerView& view, std::string_view piece) {
  return FindPiece(view, schema::ContinueHash(schema::kHashStart, piece.data(), piece.size()), "", piece);
}

}  // namespace smx

#endif  // SMX_TOKENIZER_VOCABULARY_H_
