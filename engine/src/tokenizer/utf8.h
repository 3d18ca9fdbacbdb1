#ifndef SMX_TOKENIZER_UTF8_H_
#define SMX_TOKENIZER_UTF8_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace smx {

inline constexpr uint32_t kReplacementCharacter = 0xfffd;
inline constexpr std::string_view kReplacementUtf8 = "\xef\xbf\xbd";
inline constexpr uint32_t kNumCodePoints = 0x110000;

struct DecodedCodePoint {
  uint32_t code_point;
  uint32_t num_bytes;  // that it took from the text, 1..4
  bool valid;          // else code_point is U+FFFD for a maximal subpart (Unicode, chapter 3.9, table 3-11)
};

/// The code point at text[0]; size > 0.
inline DecodedCodePoint DecodeUtf8(const char* text, size_t size) {
  const uint8_t lead = static_cast<uint8_t>(text[0]);
  if (lead < 0x80) return {lead, 1, true};
  if (lead < 0xc2 || lead > 0xf4) return {kReplacementCharacter, 1, false};
  const uint32_t num_bytes = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  uint32_t code_point = lead & (0x7fu >> num_bytes);
  // The second byte is where overlong forms, surrogates and values above U+10FFFF would show.
  uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  for (uint32_t i = 1; i < num_bytes; ++i) {
    if (i == size) return {kReplacementCharacter, i, false};
    const uint8_t byte = static_cast<uint8_t>(text[i]);
    if (byte < low || byte > high) return {kReplacementCharacter, i, false};
    code_point = code_point << 6 | (byte & 0x3fu);
    low = 0x80;
    high = 0xbf;
  }
  return {code_point, num_bytes, true};
}

/// Bytes of a code point of valid UTF-8, by the first of them.
inline uint32_t Utf8Bytes(char lead) {
  const uint8_t byte = static_cast<uint8_t>(lead);
  return byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}

/// Writes `code_point`, a Unicode scalar value, and gives the number of bytes, 1..4.
inline uint32_t EncodeUtf8(uint32_t code_point, char* out) {
  if (code_point < 0x80) {
    out[0] = static_cast<char>(code_point);
    return 1;
  }
  const uint32_t num_bytes = code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
  for (uint32_t i = num_bytes - 1; i > 0; --i) {
    out[i] = static_cast<char>(0x80 | (code_point & 0x3f));
    code_point >>= 6;
  }
  out[0] = static_cast<char>((0xf00u >> num_bytes & 0xf0u) | code_point);
  return num_bytes;
}

}  // namespace smx

#endif  // SMX_TOKENIZER_UTF8_H_
