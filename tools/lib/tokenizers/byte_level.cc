#include "byte_level.h"

#include "code_point_classes.h"
#include "tokenizer_format.h"
#include "unicode_rules.h"

namespace smx::tools {
namespace {

uint8_t ClassOf(char32_t code_point) {
  if (IsLetter(code_point)) return schema::kByteLevelLetter;
  if (IsNumber(code_point)) return schema::kByteLevelNumber;
  return IsWhitespace(code_point) ? schema::kByteLevelSpace : schema::kByteLevelOther;
}

}  // namespace

std::vector<std::string> ByteLevelPieces() {
  std::vector<std::string> pieces;
  for (uint32_t byte = 0; byte < 256; ++byte) {
    const uint32_t code_point = schema::VisibleCodePoint(static_cast<uint8_t>(byte));
    const char lead = static_cast<char>(0xc0 | code_point >> 6);
    const char trail = static_cast<char>(0x80 | (code_point & 0x3f));
    pieces.push_back(code_point < 0x80 ? std::string(1, static_cast<char>(code_point)) : std::string{lead, trail});
  }
  return pieces;
}

CompiledClasses ByteLevelClasses() { return BuildCodePointClasses(ClassOf); }

}  // namespace smx::tools
