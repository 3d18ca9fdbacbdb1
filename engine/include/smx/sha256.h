#ifndef SMX_SHA256_H_
#define SMX_SHA256_H_

#include <cstddef>
#include <cstdint>

#include "smx/span.h"

namespace smx {

/// SHA-256 (FIPS 180-4), the hash of the model file; public because whoever writes model files needs the same one.
/// Uses the processor's instructions where there are any.
class Sha256 {
 public:
  Sha256();

  void Update(Span<const uint8_t> bytes);

  /// Writes the 32 bytes of the digest; the object is of no use afterwards.
  void Finish(uint8_t digest[32]);

 private:
  uint32_t state_[8];
  uint8_t block_[64];
  uint64_t num_bytes_ = 0;
};

}  // namespace smx

#endif  // SMX_SHA256_H_
