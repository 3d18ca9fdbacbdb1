#ifndef SMX_TOKENIZER_TEXT_READER_H_
#define SMX_TOKENIZER_TEXT_READER_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "smx/tokenizer.h"
#include "tokenizer/utf8.h"
#include "tokenizer/vocabulary.h"

namespace smx {

/// One code point of a text as pieces are looked for in it.
struct ReadCodePoint {
  char bytes[4];  // UTF-8
  uint8_t num_bytes;
  bool begins_word;    // no piece covers it and what comes before
  TokenOffset source;  // the bytes of the text that it came from; empty for one that was put in
};

inline constexpr std::string_view kSpaceSymbol = "\xe2\x96\x81";

inline bool IsSpaceSymbol(const ReadCodePoint& c) { return std::string_view(c.bytes, c.num_bytes) == kSpaceSymbol; }

/// The code point that `utf8`, which is valid, begins with.
inline void TakeCodePoint(std::string_view utf8, TokenOffset source, ReadCodePoint* out) {
  out->num_bytes = static_cast<uint8_t>(Utf8Bytes(utf8[0]));
  std::memcpy(out->bytes, utf8.data(), out->num_bytes);
  out->begins_word = false;
  out->source = source;
}

/// Where grapheme clusters begin (Unicode, annex 29, extended), one code point after the other.
class ClusterBreaks {
 public:
  /// Goes on to a code point of this schema::ClusterClass: true when a cluster begins with it.
  bool BeginsWith(uint8_t kind);

 private:
  bool IsJoined(uint8_t kind) const;

  uint8_t last_ = schema::kClusterControl;  // so that the first code point begins one
  bool is_odd_indicator_ = false;           // the last is a regional indicator, which the next would join
  bool has_pictograph_ = false;             // Pictograph Extend*, or that and the joiner, which is the last
  bool has_consonant_ = false;              // Consonant {ConjunctExtend, Linker, Joiner}*
  bool has_linker_ = false;                 // among these
};

/// Reads a text of less than 2^32 bytes by the rules of TokenizerView::reading, whatever its length in constant memory:
/// a copy goes on from where the original is.
///
/// kSentencePiece, as SentencePiece's normalizer does: the longest key of the character map is replaced, a byte that is
/// no UTF-8 is U+FFFD, a space U+2581. With remove_extra_whitespaces spaces at both ends go, and those behind another.
///
/// kByteLevel, as GPT-2 does: words are what its pattern finds one after the other,
///   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
/// and each byte of them is read as its visible code point. Invalid UTF-8 counts as U+FFFD per maximal subpart.
///
/// kMetaspace, as the library `tokenizers` does for T5 and ALBERT: `` and '' are " (joins_quotes); each code point, or
/// U+FFFD as above, becomes what TokenizerView::normalization says, its classes left aside. Then the character map, if
/// there is one: of a grapheme cluster shorter than kLongClusterBytes that begins with a key the whole is replaced, by
/// the shortest such key; of others each code point is. Words end at white space, which is left out, and before each
/// U+2581; one is put in front of a word that does not begin with it.
class TextReader {
 public:
  /// Offsets begin at `origin`, where `text` lies in the text that they are for.
  TextReader(const TokenizerView& view, std::string_view text, uint32_t origin)
      : view_(&view), text_(text), origin_(origin), mapped_source_{origin, origin} {}

  /// The next code point; false at the end.
  bool Next(ReadCodePoint* out);

 private:
  bool NextSentencePiece(ReadCodePoint* out);
  bool NextMapped(ReadCodePoint* out);
  bool Begin(ReadCodePoint* out);
  void MapPrefix();
  void SkipSpacesAfterSpace();
  bool SpacesGoOnToTheEnd();
  bool NextMetaspace(ReadCodePoint* out);
  bool NextOfClusters(ReadCodePoint* out);
  bool NextNormalized(ReadCodePoint* out);
  bool MapCluster(const ReadCodePoint& first);
  bool MapShortestKey(std::string_view text, TokenOffset source);
  bool NextByte(ReadCodePoint* out);
  bool TakeCodePointOfWord(uint32_t code_point, size_t end);
  uint8_t ClassAt(size_t position) const;
  size_t ContractionLetters(size_t position) const;

  TokenOffset Source(size_t begin, size_t end) const {
    return {origin_ + static_cast<uint32_t>(begin), origin_ + static_cast<uint32_t>(end)};
  }

  const TokenizerView* view_;
  std::string_view text_;
  uint32_t origin_;
  size_t position_ = 0;      // of what was not looked at yet
  std::string_view mapped_;  // what is left of the replacement of mapped_source_
  TokenOffset mapped_source_;
  bool has_begun_ = false;
  bool after_space_ = false;
  size_t spaces_to_keep_ = 0;  // so many U+2581 are known not to be the last of the text

  // kByteLevel: mapped_ holds the bytes left of a code point.
  enum class ByteLevelWord : uint8_t { kNone, kLetters, kNumbers, kOthers, kSpaces, kOneSpace, kContraction };
  ByteLevelWord word_ = ByteLevelWord::kNone;  // that the next code point may go on with
  size_t contraction_letters_ = 0;             // that are left of it
  bool is_invalid_ = false;                    // U+FFFD stands for what is no UTF-8

  // kMetaspace
  uint8_t num_taken_ = 0;  // of the code points that the one at position_ becomes
  bool in_word_ = false;
  ClusterBreaks breaks_;  // has gone up to position_
};

}  // namespace smx

#endif  // SMX_TOKENIZER_TEXT_READER_H_
