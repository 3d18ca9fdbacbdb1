#include "tokenizer/wordpiece.h"

#include "tokenizer/utf8.h"

namespace smx {
namespace {

/// The code points of one word, each with the bytes of the text that it came from, in canonical order of its marks.
///
/// Sorting inside of a word is exact: marks in a row belong to one word, and a word too long for this buffer is [UNK]
/// whatever the order.
class Word {
 public:
  explicit Word(uint32_t max_chars) : max_chars_(max_chars) {}

  void Append(const NormalizedCodePoint& added, TokenOffset source);
  /// Marks appended later stay behind those appended before.
  void AddBarrier() { barrier_ = size_; }
  void Clear() { size_ = barrier_ = 0, too_long_ = false; }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  bool too_long() const { return too_long_; }
  TokenOffset source() const { return {begins_[0], end_}; }

  /// Where code points [first, last) came from.
  TokenOffset Source(size_t first, size_t last) const {
    return {begins_[first], begins_[last - 1] + num_source_bytes_[last - 1]};
  }

  /// UTF-8 of code point `i` in `out`; its size.
  uint32_t Encode(size_t i, char* out) const { return EncodeUtf8(code_points_[i], out); }

 private:
  uint32_t code_points_[kMaxCharsPerWord];
  uint32_t begins_[kMaxCharsPerWord];
  uint8_t num_source_bytes_[kMaxCharsPerWord];
  uint8_t combining_classes_[kMaxCharsPerWord];
  uint32_t max_chars_;
  uint32_t size_ = 0;
  uint32_t barrier_ = 0;
  uint32_t end_ = 0;
  bool too_long_ = false;
};

void Word::Append(const NormalizedCodePoint& added, TokenOffset source) {
  end_ = source.end;
  if (size_ == max_chars_) {
    too_long_ = true;
    return;
  }
  begins_[size_] = source.begin;
  num_source_bytes_[size_] = static_cast<uint8_t>(source.end - source.begin);
  uint32_t slot = size_++;
  // A mark moves before those of a higher class; a class of 0 stops it. Sources stay, so that they go on rising.
  for (; added.combining_class != 0 && slot > barrier_; --slot) {
    if (combining_classes_[slot - 1] <= added.combining_class) break;
    combining_classes_[slot] = combining_classes_[slot - 1];
    code_points_[slot] = code_points_[slot - 1];
  }
  combining_classes_[slot] = added.combining_class;
  code_points_[slot] = added.code_point;
}

class WordTokenizer {
 public:
  WordTokenizer(const TokenizerView& view, TokenWriter* writer)
      : view_(view), writer_(writer), word_(view.max_chars_per_word) {}

  void AddCodePoint(uint32_t code_point, TokenOffset source);
  void EndWord();

 private:
  bool AddPieces();
  uint32_t LongestPieceAt(size_t first, size_t* last) const;

  const TokenizerView& view_;
  TokenWriter* writer_;
  Word word_;
};

void WordTokenizer::AddCodePoint(uint32_t code_point, TokenOffset source) {
  NormalizedCodePoint normalized[schema::kMaxSequence];
  const size_t count = NormalizeCodePoint(view_.normalization, code_point, normalized);
  for (size_t i = 0; i < count; ++i) {
    switch (normalized[i].kind) {
      case CodePointClass::kWord:
        word_.Append(normalized[i], source);
        break;
      case CodePointClass::kIsolated:
        EndWord();
        word_.Append(normalized[i], source);
        EndWord();
        break;
      case CodePointClass::kSpace:
        EndWord();
        break;
      case CodePointClass::kBarrier:
        word_.AddBarrier();
        break;
    }
  }
}

void WordTokenizer::EndWord() {
  if (word_.empty()) {
    word_.Clear();
    return;
  }
  if (word_.too_long() || !AddPieces()) writer_->Add(view_.unk_id, word_.source());
  word_.Clear();
}

/// False, and no token added, when a part of the word is no piece.
bool WordTokenizer::AddPieces() {
  uint32_t ids[kMaxCharsPerWord];
  uint8_t ends[kMaxCharsPerWord];
  static_assert(kMaxCharsPerWord <= UINT8_MAX);
  size_t num_pieces = 0;
  for (size_t first = 0, last = 0; first < word_.size(); first = last) {
    const uint32_t id = LongestPieceAt(first, &last);
    if (id == schema::kFreeSlot) return false;
    ids[num_pieces] = id;
    ends[num_pieces++] = static_cast<uint8_t>(last);
  }
  for (size_t i = 0; i < num_pieces; ++i) writer_->Add(ids[i], word_.Source(i == 0 ? 0 : ends[i - 1], ends[i]));
  return true;
}

/// The longest piece from code point `first` of the word on, up to `*last`; schema::kFreeSlot when there is none. The
/// hash grows with the piece, so each further code point costs one look-up.
uint32_t WordTokenizer::LongestPieceAt(size_t first, size_t* last) const {
  char bytes[4 * kMaxCharsPerWord];
  const std::string_view prefix = first == 0 ? std::string_view("") : view_.continuing_prefix;
  uint32_t hash = schema::ContinueHash(schema::kHashStart, prefix.data(), prefix.size());
  uint32_t longest = schema::kFreeSlot;
  size_t num_bytes = 0;
  for (size_t i = first; i < word_.size(); ++i) {
    const uint32_t added = word_.Encode(i, bytes + num_bytes);
    if (prefix.size() + num_bytes + added > view_.longest_piece_bytes) break;
    hash = schema::ContinueHash(hash, bytes + num_bytes, added);
    num_bytes += added;
    const uint32_t id = FindPiece(view_, hash, prefix, {bytes, num_bytes});
    if (id == schema::kFreeSlot) continue;
    longest = id;
    *last = i + 1;
  }
  return longest;
}

}  // namespace

void TokenizeWords(const TokenizerView& view, std::string_view text, uint32_t origin, TokenWriter* writer) {
  WordTokenizer words(view, writer);
  for (size_t begin = 0; begin < text.size();) {
    const DecodedCodePoint decoded = DecodeUtf8(text.data() + begin, text.size() - begin);
    const uint32_t start = origin + static_cast<uint32_t>(begin);
    words.AddCodePoint(decoded.code_point, {start, start + decoded.num_bytes});
    begin += decoded.num_bytes;
  }
  words.EndWord();
}

}  // namespace smx
