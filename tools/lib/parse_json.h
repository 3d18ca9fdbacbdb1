#ifndef SMX_TOOLS_LIB_PARSE_JSON_H_
#define SMX_TOOLS_LIB_PARSE_JSON_H_

#include <cstdint>
#include <string>

#include <nlohmann/json.hpp>

namespace smx::tools {

enum class RepeatedKeys { kLastCounts, kRefused };

/// JSON of a hostile file. Error(kBadInput) beginning with `place` for what is none, and for nesting beyond 64:
/// copying, comparing and printing a value recurse, so a deeper one could overflow the stack later.
nlohmann::json ParseJson(const std::string& place, const uint8_t* text, size_t size,
                         RepeatedKeys repeated_keys = RepeatedKeys::kLastCounts);

/// The value as JSON, at most 80 bytes of it, for messages.
std::string ShortText(const nlohmann::json& value);

}  // namespace smx::tools

#endif  // SMX_TOOLS_LIB_PARSE_JSON_H_
