#include "unicode_rules.h"

#include <utf8proc.h>

#include <algorithm>
#include <iterator>

namespace smx::tools {
namespace {

struct Range {
  char32_t first;
  char32_t last;
};

/// Ranges are rising.
template <size_t kSize>
bool IsIn(const Range (&ranges)[kSize], char32_t code_point) {
  const Range* range = std::lower_bound(std::begin(ranges), std::end(ranges), code_point,
                                        [](const Range& each, char32_t value) { return each.last < value; });
  return range != std::end(ranges) && code_point >= range->first;
}

// The ranges named kNot... are exceptions: code points that utf8proc, or Unicode up to 18, gives the property and the
// library does not, because its table is older or, rarely, because a category was changed later. A range may span code
// points without the property, never one that keeps it. Found by asking the library for every code point.

// Mn since Unicode 9 (the library's table of categories is of Unicode 8).
constexpr Range kNotNonspacingMark[] = {
    {0x5c8, 0x5c9},     {0x7fd, 0x7fd},     {0x897, 0x8e1},     {0x9fe, 0x9fe},     {0xafa, 0xaff},
    {0xb53, 0xb55},     {0xc04, 0xc3c},     {0xd00, 0xd00},     {0xd3b, 0xd3c},     {0xd81, 0xd81},
    {0xeba, 0xeba},     {0xece, 0xece},     {0x180f, 0x1886},   {0x1abf, 0x1af0},   {0x1df6, 0x1dfb},
    {0xa82c, 0xa82c},   {0xa8c5, 0xa8c5},   {0xa8ff, 0xa8ff},   {0xa9bd, 0xa9bd},   {0x10d24, 0x10f85},
    {0x11070, 0x11074}, {0x110c2, 0x110c2}, {0x111c9, 0x111c9}, {0x111cf, 0x111cf}, {0x1123e, 0x11241},
    {0x1133b, 0x1133b}, {0x113bb, 0x1145e}, {0x1182f, 0x1612f}, {0x16f4f, 0x16f4f}, {0x16fe4, 0x16fe4},
    {0x1cf00, 0x1d128}, {0x1d25b, 0x1d25c}, {0x1e000, 0x1e6f5}, {0x1e944, 0x1e94a}};
// Mn in Unicode 8; Mc today.
constexpr Range kStillNonspacingMark[] = {{0x1734, 0x1734}, {0x1171e, 0x1171e}};

// M since Unicode 9; Mc in Unicode 8 and Lo today.
constexpr Range kNotMark[] = {
    {0x7fd, 0x7fd},     {0x897, 0x8d3},     {0x9fe, 0x9fe},     {0xafa, 0xaff},     {0xb55, 0xb55},
    {0xc04, 0xc3c},     {0xcf3, 0xd00},     {0xd3b, 0xd3c},     {0xd81, 0xd81},     {0xeba, 0xeba},
    {0xece, 0xece},     {0x1715, 0x1715},   {0x180f, 0x180f},   {0x1abf, 0x1aeb},   {0x1cf7, 0x1cf7},
    {0x1df6, 0x1dfa},   {0xa82c, 0xa82c},   {0xa8ff, 0xa8ff},   {0x10d24, 0x10f85}, {0x11070, 0x11074},
    {0x110c2, 0x110c2}, {0x11145, 0x11146}, {0x111c9, 0x111c9}, {0x111ce, 0x111cf}, {0x11241, 0x11241},
    {0x1133b, 0x1133b}, {0x113b8, 0x113e2}, {0x1145e, 0x1145e}, {0x1182c, 0x11b67}, {0x11d31, 0x1612f},
    {0x16f4f, 0x16f4f}, {0x16f7f, 0x16f87}, {0x16fe4, 0x16ff1}, {0x1cf00, 0x1cf46}, {0x1e08f, 0x1e6f5}};
constexpr Range kStillMark[] = {{0x1cf2, 0x1cf3}};

// Decomposed for compatibility since Unicode 12.1, besides kNotDecomposed.
constexpr Range kNotCompatible[] = {{0x32ff, 0x32ff},   {0xa7f1, 0xa7f4},   {0xab69, 0xab69},   {0x10781, 0x107ba},
                                    {0x1ccd6, 0x1ccf9}, {0x1e030, 0x1e06d}, {0x1f16c, 0x1f16c}, {0x1fbf0, 0x1fbf9}};

// Cf since Unicode 9.
constexpr Range kNotFormat[] = {{0x890, 0x8e2}, {0x110cd, 0x1343f}};

// P since Unicode 9.
constexpr Range kNotPunctuation[] = {{0x61d, 0x61d},     {0x9fd, 0xa76},     {0xc77, 0xc84},     {0x1b4e, 0x1b4f},
                                     {0x1b7d, 0x1b7f},   {0x2e43, 0x2e63},   {0x10d6e, 0x10f89}, {0x113d4, 0x1145d},
                                     {0x11660, 0x116b9}, {0x1183b, 0x11fff}, {0x12ff1, 0x12ff2}, {0x16d6d, 0x16fe2},
                                     {0x1e5ff, 0x1e95f}};
// P in Unicode 8; So and Mn today.
constexpr Range kStillPunctuation[] = {{0x166d, 0x166d}, {0x111c9, 0x111c9}};

// Decomposed since Unicode 13 (the library's table of normalization is of Unicode 12).
constexpr Range kNotDecomposed[] = {{0x105c9, 0x105e4}, {0x11383, 0x113c8}, {0x11938, 0x16d6a}};

// Combining class other than 0 since Unicode 13.
constexpr Range kCombiningClassZero[] = {{0x5c8, 0x5c9},     {0x7fd, 0x7fd},     {0x897, 0x8d3},     {0x9fe, 0x9fe},
                                         {0xc3c, 0xc3c},     {0xd3b, 0xd3c},     {0xeba, 0xeba},     {0x1715, 0x1715},
                                         {0x1abf, 0x1af0},   {0x1df6, 0x1dfa},   {0xa82c, 0xa82c},   {0x10d24, 0x10f85},
                                         {0x11070, 0x11070}, {0x1133b, 0x1133b}, {0x113ce, 0x113d0}, {0x1145e, 0x1145e},
                                         {0x11839, 0x11a99}, {0x11d42, 0x1612f}, {0x16ff0, 0x16ff1}, {0x1d127, 0x1d128},
                                         {0x1d250, 0x1d281}, {0x1e08f, 0x1e6f5}};

constexpr Range kChinese[] = {{0x3400, 0x4dbf},   {0x4e00, 0x9fff},   {0xf900, 0xfaff},  {0x20000, 0x2a6df},
                              {0x2a700, 0x2b81f}, {0x2b920, 0x2ceaf}, {0x2f800, 0x2fa1f}};
constexpr Range kWhitespace[] = {{0x9, 0xd},       {0x20, 0x20},     {0x85, 0x85},     {0xa0, 0xa0},
                                 {0x1680, 0x1680}, {0x2000, 0x200a}, {0x2028, 0x2029}, {0x202f, 0x202f},
                                 {0x205f, 0x205f}, {0x3000, 0x3000}};
constexpr Range kAsciiPunctuation[] = {{0x21, 0x2f}, {0x3a, 0x40}, {0x5b, 0x60}, {0x7b, 0x7e}};

// Lowercase mappings of Unicode 16 and 17, which the library knows and an older utf8proc does not.
struct LowercaseRange {
  char32_t first;
  char32_t last;
  char32_t lowercase_of_first;
};
constexpr LowercaseRange kNewLowercase[] = {
    {0x1c89, 0x1c89, 0x1c8a},    {0xa7cb, 0xa7cb, 0x264},    {0xa7cc, 0xa7cc, 0xa7cd}, {0xa7ce, 0xa7ce, 0xa7cf},
    {0xa7d2, 0xa7d2, 0xa7d3},    {0xa7d4, 0xa7d4, 0xa7d5},   {0xa7da, 0xa7da, 0xa7db}, {0xa7dc, 0xa7dc, 0x19b},
    {0x10d50, 0x10d65, 0x10d70}, {0x16ea0, 0x16eb8, 0x16ebb}};

utf8proc_category_t CategoryOf(char32_t code_point) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(code_point));
}

// L and N in Unicode 16, which utf8proc 2.8 does not know; and since Unicode 17.
constexpr Range kNewLetter[] = {
    {0x1c89, 0x1c8a},   {0xa7cb, 0xa7cd},   {0xa7da, 0xa7dc},   {0x105c0, 0x105f3}, {0x10d4a, 0x10d65},
    {0x10d6f, 0x10d85}, {0x10ec2, 0x10ec4}, {0x1123f, 0x11240}, {0x11380, 0x11389}, {0x1138b, 0x1138b},
    {0x1138e, 0x1138e}, {0x11390, 0x113b5}, {0x113b7, 0x113b7}, {0x113d1, 0x113d1}, {0x113d3, 0x113d3},
    {0x11bc0, 0x11be0}, {0x11f02, 0x11f02}, {0x11f04, 0x11f10}, {0x11f12, 0x11f33}, {0x1342f, 0x1342f},
    {0x13441, 0x13446}, {0x13460, 0x143fa}, {0x16100, 0x1611d}, {0x16d40, 0x16d6c}, {0x18cff, 0x18cff},
    {0x1b132, 0x1b132}, {0x1b155, 0x1b155}, {0x1df25, 0x1df2a}, {0x1e030, 0x1e06d}, {0x1e4d0, 0x1e4eb},
    {0x1e5d0, 0x1e5ed}, {0x1e5f0, 0x1e5f0}, {0x2b739, 0x2b739}, {0x2ebf0, 0x2ee5d}, {0x31350, 0x323af}};
constexpr Range kNotLetter[] = {{0x558, 0x558},     {0x58b, 0x58c},     {0x88f, 0x88f},     {0xc5c, 0xc5c},
                                {0xcdc, 0xcdc},     {0x208f, 0x208f},   {0x209d, 0x209f},   {0xa7ce, 0xa7cf},
                                {0xa7d2, 0xa7d2},   {0xa7d4, 0xa7d4},   {0xa7dd, 0xa7f1},   {0xab6c, 0xab6d},
                                {0x107bb, 0x107bf}, {0x10940, 0x10959}, {0x10ec5, 0x10eee}, {0x11b0a, 0x11b0a},
                                {0x11db0, 0x11df1}, {0x16ea0, 0x16ed3}, {0x16ff2, 0x16ff3}, {0x187f8, 0x187ff},
                                {0x18cd6, 0x18cda}, {0x18d09, 0x191d2}, {0x1b123, 0x1b128}, {0x1b168, 0x1b168},
                                {0x1d6a6, 0x1d6a6}, {0x1df1f, 0x1df24}, {0x1df2b, 0x1dfff}, {0x1e6c0, 0x1e6ff},
                                {0x2b73a, 0x2b73f}, {0x2b81e, 0x2b81e}, {0x2cea2, 0x2cead}, {0x323b0, 0x3fc3f}};
constexpr Range kNewNumber[] = {{0x10d40, 0x10d49}, {0x116d0, 0x116e3}, {0x11bf0, 0x11bf9}, {0x11f50, 0x11f59},
                                {0x16130, 0x16139}, {0x16d70, 0x16d79}, {0x1ccf0, 0x1ccf9}, {0x1d2c0, 0x1d2d3},
                                {0x1e4f0, 0x1e4f9}, {0x1e5f1, 0x1e5fa}};
constexpr Range kNotNumber[] = {{0x11de0, 0x11de9}, {0x1246f, 0x1246f}, {0x12475, 0x12686}, {0x16ff4, 0x16ff6}};

std::u32string DecomposeWith(utf8proc_option_t options, char32_t code_point) {
  const bool is_hangul = code_point >= 0xac00 && code_point <= 0xd7a3;
  if (is_hangul || IsIn(kNotDecomposed, code_point)) return {code_point};
  utf8proc_int32_t buffer[18];
  int boundary = 0;
  const utf8proc_ssize_t count =
      utf8proc_decompose_char(static_cast<utf8proc_int32_t>(code_point), buffer, 18, options, &boundary);
  if (count < 1 || count > 18) return {code_point};  // surrogates, which no text holds
  return std::u32string(buffer, buffer + count);
}

}  // namespace

bool IsWhitespace(char32_t code_point) { return IsIn(kWhitespace, code_point); }

bool IsRemovedByCleanText(char32_t code_point) {
  if (code_point == U'\t' || code_point == U'\n' || code_point == U'\r') return false;
  switch (CategoryOf(code_point)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CO:
      return true;
    case UTF8PROC_CATEGORY_CF:
      return !IsIn(kNotFormat, code_point);
    default:
      return code_point == 0xfffd;
  }
}

bool IsChineseCharacter(char32_t code_point) { return IsIn(kChinese, code_point); }

bool IsPunctuation(char32_t code_point) {
  if (IsIn(kAsciiPunctuation, code_point) || IsIn(kStillPunctuation, code_point)) return true;
  switch (CategoryOf(code_point)) {
    case UTF8PROC_CATEGORY_PC:
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO:
      return !IsIn(kNotPunctuation, code_point);
    default:
      return false;
  }
}

bool IsNonspacingMark(char32_t code_point) {
  if (IsIn(kStillNonspacingMark, code_point)) return true;
  return CategoryOf(code_point) == UTF8PROC_CATEGORY_MN && !IsIn(kNotNonspacingMark, code_point);
}

bool IsMark(char32_t code_point) {
  if (IsIn(kStillMark, code_point)) return true;
  switch (CategoryOf(code_point)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
      return !IsIn(kNotMark, code_point);
    default:
      return false;
  }
}

bool IsLetter(char32_t code_point) {
  switch (CategoryOf(code_point)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
      return !IsIn(kNotLetter, code_point);
    default:
      return IsIn(kNewLetter, code_point);
  }
}

bool IsNumber(char32_t code_point) {
  switch (CategoryOf(code_point)) {
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return !IsIn(kNotNumber, code_point);
    default:
      return IsIn(kNewNumber, code_point);
  }
}

uint8_t CombiningClass(char32_t code_point) {
  if (IsIn(kCombiningClassZero, code_point)) return 0;
  const utf8proc_property_t* property = utf8proc_get_property(static_cast<utf8proc_int32_t>(code_point));
  return static_cast<uint8_t>(property->combining_class);
}

std::u32string Decompose(char32_t code_point) { return DecomposeWith(UTF8PROC_DECOMPOSE, code_point); }

std::u32string DecomposeCompatibly(char32_t code_point) {
  if (IsIn(kNotCompatible, code_point)) return {code_point};
  return DecomposeWith(static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT), code_point);
}

std::u32string Lowercase(char32_t code_point) {
  if (code_point == 0x130) return U"i\u0307";  // the only one of two code points in Unicode
  for (const LowercaseRange& range : kNewLowercase) {
    if (code_point < range.first || code_point > range.last) continue;
    return {range.lowercase_of_first + (code_point - range.first)};
  }
  return {static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(code_point)))};
}

}  // namespace smx::tools
