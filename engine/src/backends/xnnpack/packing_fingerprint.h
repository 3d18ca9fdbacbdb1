#ifndef SMX_BACKENDS_XNNPACK_PACKING_FINGERPRINT_H_
#define SMX_BACKENDS_XNNPACK_PACKING_FINGERPRINT_H_

#include <cstdint>

#include "backends/packed/packed_file.h"
#include "smx/platform.h"
#include "smx/status.h"

namespace smx {

/// What packed weights of the model with this hash depend on here: the build of the library, the kernels that it chose
/// for this processor, which is seen by how it packs two made-up matrices, and the instruction set.
///
/// @retval kOutOfMemory, kBackendFailure
Status FingerprintPacking(const uint8_t model_sha256[32], const Log& log, PackedFingerprint* fingerprint);

}  // namespace smx

#endif  // SMX_BACKENDS_XNNPACK_PACKING_FINGERPRINT_H_
