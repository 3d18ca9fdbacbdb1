#ifndef SMX_MODEL_FILE_H_
#define SMX_MODEL_FILE_H_

#include <cstdint>

#include "base/fixed_array.h"
#include "schema/model_generated.h"
#include "smx/model.h"
#include "smx/platform.h"
#include "smx/span.h"
#include "smx/status.h"

namespace smx {

/// A file that is what it says byte by byte; whether it means anything is the business of check.h.
struct VerifiedFile {
  Span<const uint8_t> bytes;             // the whole file, somebody else's
  FixedArray<uint8_t> metadata;          // our own copy: a file changed later changes numbers, never structure
  const schema::Model* model = nullptr;  // in `metadata`
};

/// Header, sizes, hash and FlatBuffer of the metadata, and where the segments lie. Reads no weight.
///
/// @retval kInvalidModel  any breach; the log names place, value and rule.
/// @retval kUnsupported   another major version.
/// @retval kOutOfMemory
Status VerifyFile(Span<const uint8_t> bytes, const Log& log, VerifiedFile* file);

/// SHA-256 of every segment. Call after VerifyFile.
Status VerifySegmentHashes(const VerifiedFile& file, const Log& log);

}  // namespace smx

#endif  // SMX_MODEL_FILE_H_
