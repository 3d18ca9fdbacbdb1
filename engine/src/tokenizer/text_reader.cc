#include "tokenizer/text_reader.h"

#include "tokenizer/utf8.h"

namespace smx {
bool TextReader::Next(ReadCodePoint* out) {
  switch (view_->reading.rule) {
    case ReadingRule::kByteLevel:
      return NextByte(out);
    case ReadingRule::kMetaspace:
      return NextMetaspace(out);
    default:
      return NextSentencePiece(out);
  }
}

bool TextReader::NextSentencePiece(ReadCodePoint* out) {
  if (!NextMapped(out)) return false;
  if (!view_->reading.remove_extra_whitespaces || !IsSpaceSymbol(*out)) return true;
  if (spaces_to_keep_ > 0) {
    --spaces_to_keep_;
    return true;
  }
  if (SpacesGoOnToTheEnd()) {
    position_ = text_.size();
    mapped_ = {};
    return false;
  }
  return true;
}

/// After a U+2581: true when nothing else follows, typed ones too; else remembers how many do before something else.
bool TextReader::SpacesGoOnToTheEnd() {
  TextReader ahead = *this;
  ReadCodePoint next;
  for (size_t num_spaces = 0; ahead.NextMapped(&next); ++num_spaces) {
    if (IsSpaceSymbol(next)) continue;
    spaces_to_keep_ = num_spaces;
    return false;
  }
  return true;
}

/// The next code point with those that remove_extra_whitespaces takes from the end of the text.
bool TextReader::NextMapped(ReadCodePoint* out) {
  if (!has_begun_ && Begin(out)) return true;
  while (mapped_.empty()) {
    if (position_ == text_.size()) return false;
    MapPrefix();
    SkipSpacesAfterSpace();
  }
  const bool is_space = mapped_[0] == ' ';
  TakeCodePoint(is_space ? kSpaceSymbol : mapped_, mapped_source_, out);
  mapped_.remove_prefix(is_space ? 1 : out->num_bytes);
  return true;
}

/// Skips spaces at the beginning and gives the dummy prefix; false when there is none, for one reason or another.
bool TextReader::Begin(ReadCodePoint* out) {
  const ReadingView& rules = view_->reading;
  has_begun_ = true;
  if (text_.empty()) return false;
  if (rules.remove_extra_whitespaces) {
    after_space_ = true;
    do {
      mapped_ = {};
      if (position_ == text_.size()) return false;
      MapPrefix();
    } while (mapped_ == " ");
    SkipSpacesAfterSpace();
  }
  if (!rules.add_dummy_prefix) return false;
  TakeCodePoint(kSpaceSymbol, {mapped_source_.begin, mapped_source_.begin}, out);
  return true;
}

/// Replaces the longest key, or the code point or broken byte, at the front of the text, which is not at its end.
void TextReader::MapPrefix() {
  const std::string_view rest(text_.data() + position_, text_.size() - position_);
  MappedKey found = FindLongestKey(view_->reading.charsmap, rest);
  if (found.num_bytes == 0) {
    const DecodedCodePoint decoded = DecodeUtf8(rest.data(), rest.size());
    found.num_bytes = decoded.valid ? decoded.num_bytes : 1;
    found.text = decoded.valid ? std::string_view(rest.data(), found.num_bytes) : kReplacementUtf8;
  }
  mapped_ = found.text;
  mapped_source_ = Source(position_, position_ + found.num_bytes);
  position_ += found.num_bytes;
}

void TextReader::SkipSpacesAfterSpace() {
  if (!view_->reading.remove_extra_whitespaces) return;
  while (after_space_ && !mapped_.empty() && mapped_[0] == ' ') mapped_.remove_prefix(1);
  if (!mapped_.empty()) after_space_ = mapped_.back() == ' ';
}

}  // namespace smx
