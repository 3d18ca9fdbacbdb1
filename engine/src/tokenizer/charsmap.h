#ifndef SMX_TOKENIZER_CHARSMAP_H_
#define SMX_TOKENIZER_CHARSMAP_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "smx/span.h"

namespace smx {

/// A map from UTF-8 keys to UTF-8 replacements in views of the model file; tokenizer_format.h says what a unit holds.
/// No unit leads out of `units`, no value out of `texts`, whose last byte is zero: proved by CheckTokenizer.
struct CharsMapView {
  Span<const uint32_t> units;
  Span<const uint8_t> texts;
};

struct MappedKey {
  size_t num_bytes;  // of the key, 0 when there is none
  std::string_view text;
};

/// The longest key that `text` begins with: at most schema::kMaxKeyBytes steps.
MappedKey FindLongestKey(const CharsMapView& view, std::string_view text);

/// The shortest, likewise.
MappedKey FindShortestKey(const CharsMapView& view, std::string_view text);

}  // namespace smx

#endif  // SMX_TOKENIZER_CHARSMAP_H_
