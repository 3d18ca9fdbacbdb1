#include "sentencepiece_model.h"

#include <cstring>

#include "error.h"
#include "utf8.h"

namespace smx::tools {
namespace {

/// The fields of one protobuf message, one after the other.
class MessageReader {
 public:
  MessageReader(const std::string& path, std::string_view bytes) : path_(path), rest_(bytes) {}

  /// The next field; false at the end.
  bool Next() {
    if (rest_.empty()) return false;
    const uint64_t tag = TakeVarint();
    number_ = tag >> 3;
    wire_type_ = tag & 7;
    switch (wire_type_) {
      case kVarint:
        value_ = TakeVarint();
        break;
      case kFixed64:
        bytes_ = Take(8);
        break;
      case kBytes:
        bytes_ = Take(TakeVarint());
        break;
      case kFixed32:
        bytes_ = Take(4);
        break;
      default:
        Fail("field " + std::to_string(number_) + " of wire type " + std::to_string(wire_type_));
    }
    return true;
  }

  uint64_t number() const { return number_; }
  bool Bool() const { return Varint() != 0; }
  int Int() const { return static_cast<int>(Varint()); }
  std::string_view Bytes() const {
    Expect(kBytes);
    return bytes_;
  }
  float Float() const {
    Expect(kFixed32);
    float value = 0;
    std::memcpy(&value, bytes_.data(), sizeof(value));
    return value;
  }

 private:
  enum WireType : uint64_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

  [[noreturn]] void Fail(const std::string& what) const {
    throw Error(ExitCode::kBadInput, path_ + ": no SentencePiece model: " + what);
  }
  void Expect(uint64_t wire_type) const {
    if (wire_type_ == wire_type) return;
    Fail("field " + std::to_string(number_) + " has wire type " + std::to_string(wire_type_) + ", must have " +
         std::to_string(wire_type));
  }
  uint64_t Varint() const {
    Expect(kVarint);
    return value_;
  }
  std::string_view Take(uint64_t count) {
    if (count > rest_.size()) {
      Fail("field " + std::to_string(number_) + " of " + std::to_string(count) + " bytes, " +
           std::to_string(rest_.size()) + " are left");
    }
    const std::string_view taken = rest_.substr(0, static_cast<size_t>(count));
    rest_.remove_prefix(taken.size());
    return taken;
  }
  uint64_t TakeVarint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const uint8_t byte = static_cast<uint8_t>(Take(1)[0]);
      value |= uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) return value;
    }
    Fail("a number of more than 10 bytes");
  }

  const std::string& path_;
  std::string_view rest_;
  uint64_t number_ = 0;
  uint64_t wire_type_ = 0;
  uint64_t value_ = 0;
  std::string_view bytes_;
};

SentencePiece ReadPiece(const std::string& path, std::string_view bytes, size_t id) {
  SentencePiece piece;
  for (MessageReader reader(path, bytes); reader.Next();) {
    if (reader.number() == 1) piece.text = reader.Bytes();
    if (reader.number() == 2) piece.score = reader.Float();
    if (reader.number() == 3) piece.type = reader.Int();
  }
  if (piece.text.empty() || FirstInvalidUtf8(piece.text) != piece.text.size()) {
    throw Error(ExitCode::kBadInput, path + ": piece " + std::to_string(id) + " \"" + ReplaceInvalidUtf8(piece.text) +
                                         "\": must be UTF-8 and not empty");
  }
  return piece;
}

void ReadTrainerSpec(const std::string& path, std::string_view bytes, SentencePieceModel* model) {
  for (MessageReader reader(path, bytes); reader.Next();) {
    if (reader.number() == 3) model->type = reader.Int();
    if (reader.number() == 24) model->treat_whitespace_as_suffix = reader.Bool();
    if (reader.number() == 35) model->byte_fallback = reader.Bool();
  }
}

void ReadNormalizerSpec(const std::string& path, std::string_view bytes, SentencePieceModel* model) {
  for (MessageReader reader(path, bytes); reader.Next();) {
    if (reader.number() == 2) model->charsmap = reader.Bytes();
    if (reader.number() == 3) model->add_dummy_prefix = reader.Bool();
    if (reader.number() == 4) model->remove_extra_whitespaces = reader.Bool();
    if (reader.number() == 5) model->escape_whitespaces = reader.Bool();
  }
}

}  // namespace

SentencePieceModel ParseSentencePieceModel(const std::string& path, std::string_view content) {
  SentencePieceModel model;
  for (MessageReader reader(path, content); reader.Next();) {
    if (reader.number() == 1) model.pieces.push_back(ReadPiece(path, reader.Bytes(), model.pieces.size()));
    if (reader.number() == 2) ReadTrainerSpec(path, reader.Bytes(), &model);
    if (reader.number() == 3) ReadNormalizerSpec(path, reader.Bytes(), &model);
  }
  return model;
}

}  // namespace smx::tools
