#include "tokenizer/charsmap.h"

#include <algorithm>
#include <cstring>

#include "tokenizer_format.h"

namespace smx {
namespace {

MappedKey FindKey(const CharsMapView& view, std::string_view text, bool finds_longest) {
  MappedKey found = {0, {}};
  if (view.units.empty()) return found;
  const size_t limit = std::min<size_t>(text.size(), schema::kMaxKeyBytes);
  uint32_t node = schema::UnitOffset(view.units[0]);
  for (size_t i = 0; i < limit; ++i) {
    const uint8_t byte = static_cast<uint8_t>(text[i]);
    node ^= byte;
    const uint32_t unit = view.units[node];
    if (schema::UnitLabel(unit) != byte) break;
    node ^= schema::UnitOffset(unit);
    if (!schema::UnitHasValue(unit)) continue;
    const char* mapped = reinterpret_cast<const char*>(view.texts.data()) + schema::UnitValue(view.units[node]);
    found = {i + 1, {mapped, std::strlen(mapped)}};
    if (!finds_longest) break;
  }
  return found;
}

}  // namespace

MappedKey FindLongestKey(const CharsMapView& view, std::string_view text) { return FindKey(view, text, true); }

MappedKey FindShortestKey(const CharsMapView& view, std::string_view text) { return FindKey(view, text, false); }

}  // namespace smx
