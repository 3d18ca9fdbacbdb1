#include "tokenizer/normalize.h"
#include "tokenizer/text_reader.h"
#include "tokenizer/utf8.h"

namespace smx {
namespace {

uint8_t ClassOf(const ClassesView& classes, const ReadCodePoint& c) {
  return classes.ClassOf(DecodeUtf8(c.bytes, c.num_bytes).code_point);
}

uint8_t ClusterClassOf(const ClassesView& classes, const ReadCodePoint& c) {
  return static_cast<uint8_t>(ClassOf(classes, c) & ~uint32_t{schema::kClusterWhitespaceBit});
}

/// The code point at the front of `text`, which is not empty, or the quotation mark that two of one sign stand for.
DecodedCodePoint DecodeJoined(std::string_view text, bool joins_quotes) {
  const bool is_sign = text[0] == '`' || text[0] == '\'';
  if (joins_quotes && is_sign && text.size() > 1 && text[1] == text[0]) return {'"', 2, true};
  return DecodeUtf8(text.data(), text.size());
}

bool IsControl(uint8_t kind) {
  return kind == schema::kClusterControl || kind == schema::kClusterCarriageReturn || kind == schema::kClusterLineFeed;
}

bool IsExtend(uint8_t kind) {
  return kind == schema::kClusterExtend || kind == schema::kClusterConjunctExtend || kind == schema::kClusterLinker;
}

bool IsJoinedHangul(uint8_t last, uint8_t kind) {
  switch (last) {
    case schema::kClusterLeadingConsonant:
      return kind == schema::kClusterLeadingConsonant || kind == schema::kClusterVowel ||
             kind == schema::kClusterSyllable || kind == schema::kClusterWholeSyllable;
    case schema::kClusterSyllable:
    case schema::kClusterVowel:
      return kind == schema::kClusterVowel || kind == schema::kClusterTrailingConsonant;
    case schema::kClusterWholeSyllable:
    case schema::kClusterTrailingConsonant:
      return kind == schema::kClusterTrailingConsonant;
    default:
      return false;
  }
}

}  // namespace

bool ClusterBreaks::IsJoined(uint8_t kind) const {
  if (last_ == schema::kClusterCarriageReturn && kind == schema::kClusterLineFeed) return true;
  if (IsControl(last_) || IsControl(kind)) return false;
  if (IsExtend(kind) || kind == schema::kClusterJoiner || kind == schema::kClusterSpacingMark) return true;
  if (last_ == schema::kClusterPrepend || IsJoinedHangul(last_, kind)) return true;
  if (kind == schema::kClusterConsonant) return has_linker_;
  if (kind == schema::kClusterPictograph) return has_pictograph_ && last_ == schema::kClusterJoiner;
  return kind == schema::kClusterRegionalIndicator && is_odd_indicator_;
}

bool ClusterBreaks::BeginsWith(uint8_t kind) {
  const bool is_joined = IsJoined(kind);
  const bool is_joiner = kind == schema::kClusterJoiner;
  is_odd_indicator_ = kind == schema::kClusterRegionalIndicator && !is_odd_indicator_;
  has_pictograph_ = kind == schema::kClusterPictograph ||
                    (has_pictograph_ && last_ != schema::kClusterJoiner && (IsExtend(kind) || is_joiner));
  const bool is_conjunct = is_joiner || kind == schema::kClusterConjunctExtend || kind == schema::kClusterLinker;
  has_consonant_ = kind == schema::kClusterConsonant || (has_consonant_ && is_conjunct);
  has_linker_ = has_consonant_ && is_conjunct && (has_linker_ || kind == schema::kClusterLinker);
  last_ = kind;
  return !is_joined;
}

bool TextReader::NextMetaspace(ReadCodePoint* out) {
  while (true) {
    const TextReader before = *this;
    if (!NextOfClusters(out)) return false;
    if ((ClassOf(view_->reading.classes, *out) & schema::kClusterWhitespaceBit) != 0) {
      in_word_ = false;
      continue;
    }
    const bool is_symbol = IsSpaceSymbol(*out);
    if (!in_word_ && !is_symbol) {
      *this = before;  // it is read once more, behind what is put in front of it
      TakeCodePoint(kSpaceSymbol, {out->source.begin, out->source.begin}, out);
    }
    out->begins_word = is_symbol || !in_word_;
    in_word_ = true;
    return true;
  }
}

/// The next code point with white space.
bool TextReader::NextOfClusters(ReadCodePoint* out) {
  while (mapped_.empty()) {
    if (!NextNormalized(out)) return false;
    if (view_->reading.charsmap.units.empty()) return true;
    const bool begins_cluster = breaks_.BeginsWith(ClusterClassOf(view_->reading.classes, *out));
    if (begins_cluster && MapCluster(*out)) continue;
    if (!MapShortestKey({out->bytes, out->num_bytes}, out->source)) return true;
  }
  TakeCodePoint(mapped_, mapped_source_, out);
  mapped_.remove_prefix(out->num_bytes);
  return true;
}

/// The next code point before the character map.
bool TextReader::NextNormalized(ReadCodePoint* out) {
  while (position_ < text_.size()) {
    const std::string_view rest(text_.data() + position_, text_.size() - position_);
    const DecodedCodePoint decoded = DecodeJoined(rest, view_->reading.joins_quotes);
    NormalizedCodePoint normalized[schema::kMaxSequence];
    size_t count = 1;
    if (view_->normalization.block_index.empty()) {
      normalized[0].code_point = decoded.code_point;
    } else {
      count = NormalizeCodePoint(view_->normalization, decoded.code_point, normalized);
    }
    if (num_taken_ < count) {
      out->num_bytes = static_cast<uint8_t>(EncodeUtf8(normalized[num_taken_++].code_point, out->bytes));
      out->begins_word = false;
      out->source = Source(position_, position_ + decoded.num_bytes);
      return true;
    }
    position_ += decoded.num_bytes;
    num_taken_ = 0;
  }
  return false;
}

/// Replaces the cluster that begins with `first`, which was just read, and goes on behind it; false if it is too long,
/// or begins with no key.
bool TextReader::MapCluster(const ReadCodePoint& first) {
  char bytes[schema::kLongClusterBytes + sizeof(first.bytes)];
  std::memcpy(bytes, first.bytes, first.num_bytes);
  size_t num_bytes = first.num_bytes;
  TokenOffset source = first.source;
  TextReader end = *this;
  TextReader ahead = *this;
  ReadCodePoint next;
  while (ahead.NextNormalized(&next) && !ahead.breaks_.BeginsWith(ClusterClassOf(view_->reading.classes, next))) {
    std::memcpy(bytes + num_bytes, next.bytes, next.num_bytes);
    num_bytes += next.num_bytes;
    if (num_bytes >= schema::kLongClusterBytes) return false;
    source.end = next.source.end;
    end = ahead;
  }
  if (!end.MapShortestKey({bytes, num_bytes}, source)) return false;
  *this = end;
  return true;
}

/// Goes on with the replacement of the shortest key that `text` begins with; false if there is none.
bool TextReader::MapShortestKey(std::string_view text, TokenOffset source) {
  const MappedKey found = FindShortestKey(view_->reading.charsmap, text);
  if (found.num_bytes == 0) return false;
  mapped_ = found.text;
  mapped_source_ = source;
  return true;
}

}  // namespace smx
