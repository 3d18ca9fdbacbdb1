#ifndef SMX_TOOLS_LIB_UTF8_H_
#define SMX_TOOLS_LIB_UTF8_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace smx::tools {

/// Where `text` stops being UTF-8; text.size() when it is.
size_t FirstInvalidUtf8(std::string_view text);

/// `text` with U+FFFD for every maximal invalid part, so that it may be printed and put into JSON.
std::string ReplaceInvalidUtf8(std::string_view text);

/// `text` with a space for every control character: on one line, in its column, and without power over a terminal.
std::string Printable(std::string text);

}  // namespace smx::tools

#endif  // SMX_TOOLS_LIB_UTF8_H_
