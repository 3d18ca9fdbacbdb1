#ifndef SMX_BASE_SHA256_H_
#define SMX_BASE_SHA256_H_

#include <cstdint>

#include "smx/sha256.h"
#include "smx/span.h"

namespace smx {

/// Whether the SHA-256 of `bytes` is `expected`.
bool HashIs(Span<const uint8_t> bytes, const uint8_t expected[32]);

}  // namespace smx

#endif  // SMX_BASE_SHA256_H_
