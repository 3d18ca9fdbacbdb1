#include "formats/msgpack.h"

#include <algorithm>
#include <limits>

#include "error.h"

namespace smx::tools {
namespace {

bool HasBytes(MsgpackKind kind) {
  return kind == MsgpackKind::kText || kind == MsgpackKind::kBinary || kind == MsgpackKind::kExtension;
}

/// `value` of 1 to 8 bytes as two's complement.
int64_t SignExtended(uint64_t value, size_t num_bytes) {
  const unsigned unused = static_cast<unsigned>(64 - 8 * num_bytes) & 63u;
  return static_cast<int64_t>(value << unused) >> unused;
}

}  // namespace

const char* NameOf(MsgpackKind kind) {
  constexpr const char* kNames[] = {"nil",         "true or false", "an integer", "a float",     "a text",
                                    "binary data", "an array",      "a map",      "an extension"};
  return kNames[static_cast<size_t>(kind)];
}

void MsgpackReader::Fail(uint64_t offset, const std::string& rule) const {
  // A hostile key may be long.
  const std::string key = key_.size() <= 200 ? key_ : key_.substr(0, 200) + "...";
  throw Error(ExitCode::kBadInput, file_.path() + ": offset " + std::to_string(offset) + ": " +
                                       (key.empty() ? "" : "key " + key + ": ") + rule);
}

/// Big-endian.
uint64_t MsgpackReader::Unsigned(size_t num_bytes) {
  if (left() < num_bytes) {
    Fail(position_, "the file ends at " + std::to_string(file_.size()) + " in the middle of a value; is it cut short?");
  }
  if (position_ < window_begin_ || position_ + num_bytes > window_begin_ + window_bytes_) {
    window_begin_ = position_;
    window_bytes_ = static_cast<size_t>(std::min<uint64_t>(kWindowBytes, left()));
    file_.Read(window_begin_, window_bytes_, window_);
  }
  uint64_t value = 0;
  for (size_t i = 0; i < num_bytes; ++i) value = value << 8 | window_[position_ - window_begin_ + i];
  position_ += num_bytes;
  return value;
}

/// Tags 0xc0 .. 0xdf, whose size follows, or is fixed.
void MsgpackReader::ReadSized(MsgpackHead* head, uint8_t tag) {
  const auto size_at = [&](uint8_t first) { return Unsigned(size_t{1} << (tag - first)); };
  const auto integer_bytes = [&](uint8_t first) { return size_t{1} << (tag - first); };
  if (tag == 0xc0) return;
  if (tag == 0xc1) Fail(head->offset, "byte 0xc1 begins no value");
  if (tag <= 0xc3) {
    head->kind = MsgpackKind::kBool;
  } else if (tag <= 0xc6) {
    head->kind = MsgpackKind::kBinary;
    head->size = size_at(0xc4);
  } else if (tag <= 0xc9) {
    head->kind = MsgpackKind::kExtension;
    head->size = size_at(0xc7);
    head->extension = static_cast<int>(SignExtended(Unsigned(1), 1));
  } else if (tag <= 0xcb) {
    head->kind = MsgpackKind::kFloat;
    Unsigned(tag == 0xca ? 4 : 8);
  } else if (tag <= 0xcf) {
    head->kind = MsgpackKind::kInteger;
    const uint64_t value = Unsigned(integer_bytes(0xcc));
    head->integer = static_cast<int64_t>(std::min<uint64_t>(value, std::numeric_limits<int64_t>::max()));
  } else if (tag <= 0xd3) {
    head->kind = MsgpackKind::kInteger;
    head->integer = SignExtended(Unsigned(integer_bytes(0xd0)), integer_bytes(0xd0));
  } else if (tag <= 0xd8) {
    head->kind = MsgpackKind::kExtension;
    head->size = uint64_t{1} << (tag - 0xd4);
    head->extension = static_cast<int>(SignExtended(Unsigned(1), 1));
  } else if (tag <= 0xdb) {
    head->kind = MsgpackKind::kText;
    head->size = size_at(0xd9);
  } else {
    head->kind = tag <= 0xdd ? MsgpackKind::kArray : MsgpackKind::kMap;
    head->size = Unsigned((tag & 1) == 0 ? 2 : 4);
  }
}

MsgpackHead MsgpackReader::Next() {
  MsgpackHead head;
  head.offset = position_;
  const uint8_t tag = static_cast<uint8_t>(Unsigned(1));
  if (tag < 0x80 || tag >= 0xe0) {
    head.kind = MsgpackKind::kInteger;
    head.integer = SignExtended(tag, 1);
  } else if (tag < 0xc0) {
    head.kind = tag < 0x90 ? MsgpackKind::kMap : tag < 0xa0 ? MsgpackKind::kArray : MsgpackKind::kText;
    head.size = tag < 0xa0 ? tag & 15 : tag & 31;
  } else {
    ReadSized(&head, tag);
  }
  // An element has one byte or more, a pair two.
  const uint64_t least = head.kind == MsgpackKind::kMap ? 2 * head.size : head.size;
  if (least > left()) {
    Fail(head.offset, std::string(NameOf(head.kind)) + " of " + std::to_string(head.size) +
                          (HasBytes(head.kind) ? " bytes" : " entries") + ", but only " + std::to_string(left()) +
                          " bytes follow in the file; is it cut short?");
  }
  return head;
}

MsgpackHead MsgpackReader::Expect(MsgpackKind kind) {
  const MsgpackHead head = Next();
  if (head.kind == kind) return head;
  Fail(head.offset, std::string("is ") + NameOf(head.kind) + ", must be " + NameOf(kind));
}

std::string MsgpackReader::Text(const MsgpackHead& head, uint64_t most) {
  if (head.size > most) {
    Fail(head.offset, "a text of " + std::to_string(head.size) + " bytes, must have at most " + std::to_string(most));
  }
  std::string text;
  for (uint64_t i = 0; i < head.size; ++i) text += static_cast<char>(Unsigned(1));
  return text;
}

void MsgpackReader::SkipValue() {
  for (uint64_t pending = 1; pending > 0;) {
    const MsgpackHead head = Next();
    --pending;
    if (HasBytes(head.kind)) position_ += head.size;
    if (head.kind == MsgpackKind::kArray) pending += head.size;
    if (head.kind == MsgpackKind::kMap) pending += 2 * head.size;
  }
}

}  // namespace smx::tools
