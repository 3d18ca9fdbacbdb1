#ifndef SMX_TESTS_SUPPORT_SENTENCEPIECE_BYTES_H_
#define SMX_TESTS_SUPPORT_SENTENCEPIECE_BYTES_H_

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "sentencepiece_model.h"

namespace smx::testing {

inline std::string ProtobufVarint(uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(0x80 | (value & 0x7f));
  return bytes + static_cast<char>(value);
}

inline std::string ProtobufNumber(uint64_t field, uint64_t value) {
  return ProtobufVarint(field << 3) + ProtobufVarint(value);
}

inline std::string ProtobufBytes(uint64_t field, const std::string& value) {
  return ProtobufVarint(field << 3 | 2) + ProtobufVarint(value.size()) + value;
}

inline std::string ProtobufFloat(uint64_t field, float value) {
  std::string bytes(sizeof(value), '\0');
  std::memcpy(bytes.data(), &value, sizeof(value));
  return ProtobufVarint(field << 3 | 5) + bytes;
}

/// A .model with the piece <unk>, id 0, in front; `spec` are more fields of the trainer's, `normalizer` those of the
/// normalizer's.
inline std::string SentencePieceBytes(int type, const std::vector<tools::SentencePiece>& pieces,
                                      const std::string& normalizer = "", const std::string& spec = "") {
  std::vector<tools::SentencePiece> all = {{"<unk>", 0, tools::SentencePiece::kUnknown}};
  all.insert(all.end(), pieces.begin(), pieces.end());
  std::string bytes;
  for (const tools::SentencePiece& piece : all) {
    bytes += ProtobufBytes(1, ProtobufBytes(1, piece.text) + ProtobufFloat(2, piece.score) +
                                  ProtobufNumber(3, static_cast<uint64_t>(piece.type)));
  }
  return bytes + ProtobufBytes(2, ProtobufNumber(3, static_cast<uint64_t>(type)) + spec) + ProtobufBytes(3, normalizer);
}

/// The normalizer reads a text as it is: neither dummy prefix nor spaces removed.
inline std::string PlainReading() { return ProtobufNumber(3, 0) + ProtobufNumber(4, 0); }

/// <0x00> to <0xFF>, the pieces of byte fallback.
inline std::vector<std::string> BytePieceNames() {
  std::vector<std::string> names;
  for (int byte = 0; byte < 256; ++byte) {
    char name[8];
    std::snprintf(name, sizeof(name), "<0x%02X>", byte);
    names.emplace_back(name);
  }
  return names;
}

}  // namespace smx::testing

#endif  // SMX_TESTS_SUPPORT_SENTENCEPIECE_BYTES_H_
