#include "utf8.h"

#include <algorithm>

#include <utf8proc.h>

namespace smx::tools {
namespace {

const utf8proc_uint8_t* Bytes(std::string_view text) { return reinterpret_cast<const utf8proc_uint8_t*>(text.data()); }

/// Bytes of the code point at the front of `text`; 0 when there is none.
size_t CodePointBytes(std::string_view text) {
  utf8proc_int32_t code_point;
  const utf8proc_ssize_t n = utf8proc_iterate(Bytes(text), static_cast<utf8proc_ssize_t>(text.size()), &code_point);
  return n > 0 ? static_cast<size_t>(n) : 0;
}

/// How many bytes at the front are the beginning of a code point that does not go on; at least 1.
size_t MaximalInvalidPart(std::string_view text) {
  for (size_t n = 3; n > 1; --n) {
    if (text.size() < n) continue;
    // A prefix is a beginning when some continuation makes it whole.
    for (const char last : {'\x80', '\x90', '\xa0', '\xbf'}) {
      std::string whole(text.substr(0, n));
      while (whole.size() < 4) {
        whole += last;
        if (CodePointBytes(whole) == whole.size()) return n;
      }
    }
  }
  return 1;
}

}  // namespace

size_t FirstInvalidUtf8(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    const size_t n = CodePointBytes(text.substr(at));
    if (n == 0) return at;
    at += n;
  }
  return at;
}

std::string ReplaceInvalidUtf8(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t valid = FirstInvalidUtf8(text);
    out += text.substr(0, valid);
    text.remove_prefix(valid);
    if (text.empty()) break;
    out += "\xef\xbf\xbd";
    text.remove_prefix(MaximalInvalidPart(text));
  }
  return out;
}

std::string Printable(std::string text) {
  const auto is_control = [](unsigned char c) { return c < ' ' || c == 0x7f; };
  std::replace_if(text.begin(), text.end(), is_control, ' ');
  return text;
}

}  // namespace smx::tools
