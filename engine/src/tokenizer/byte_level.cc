#include "tokenizer/text_reader.h"
#include "tokenizer/utf8.h"

namespace smx {

bool TextReader::NextByte(ReadCodePoint* out) {
  out->begins_word = false;
  if (mapped_.empty()) {
    if (position_ == text_.size()) return false;
    const DecodedCodePoint decoded = DecodeUtf8(text_.data() + position_, text_.size() - position_);
    const size_t end = position_ + decoded.num_bytes;
    out->begins_word = TakeCodePointOfWord(decoded.code_point, end);
    is_invalid_ = !decoded.valid;
    mapped_ = decoded.valid ? std::string_view(text_.data() + position_, decoded.num_bytes) : kReplacementUtf8;
    mapped_source_ = Source(position_, end);
    position_ = end;
  }
  out->num_bytes =
      static_cast<uint8_t>(EncodeUtf8(schema::VisibleCodePoint(static_cast<uint8_t>(mapped_[0])), out->bytes));
  out->source = mapped_source_;
  if (!is_invalid_) out->source.end = ++mapped_source_.begin;
  mapped_.remove_prefix(1);
  return true;
}

uint8_t TextReader::ClassAt(size_t position) const {
  return view_->reading.classes.ClassOf(DecodeUtf8(text_.data() + position, text_.size() - position).code_point);
}

/// Goes on with the word before, or begins one: true. `end`: where the next code point is.
bool TextReader::TakeCodePointOfWord(uint32_t code_point, size_t end) {
  const uint8_t kind = view_->reading.classes.ClassOf(code_point);
  const ByteLevelWord before = word_;
  if (before == ByteLevelWord::kContraction && contraction_letters_ > 0) {
    --contraction_letters_;
    return false;
  }
  if (kind == schema::kByteLevelSpace) {
    // The last space of a run is left to what follows, which takes it if it is U+0020; at the end nothing follows.
    const bool is_last = end < text_.size() && ClassAt(end) != schema::kByteLevelSpace;
    word_ = !is_last ? ByteLevelWord::kSpaces : code_point == ' ' ? ByteLevelWord::kOneSpace : ByteLevelWord::kNone;
    return is_last || before != ByteLevelWord::kSpaces;
  }
  word_ = kind == schema::kByteLevelLetter   ? ByteLevelWord::kLetters
          : kind == schema::kByteLevelNumber ? ByteLevelWord::kNumbers
                                             : ByteLevelWord::kOthers;
  if (before == ByteLevelWord::kOneSpace || before == word_) return false;
  contraction_letters_ = code_point == '\'' ? ContractionLetters(end) : 0;
  if (contraction_letters_ > 0) word_ = ByteLevelWord::kContraction;
  return true;
}

/// How many letters of the text, after an apostrophe, make a contraction with it; of "s", "re" and the like.
size_t TextReader::ContractionLetters(size_t position) const {
  for (const std::string_view letters : {"s", "t", "re", "ve", "m", "ll", "d"}) {
    if (text_.size() - position < letters.size()) continue;
    if (std::string_view(text_.data() + position, letters.size()) == letters) return letters.size();
  }
  return 0;
}

}  // namespace smx
