#ifndef SMX_BACKENDS_PACKED_PACKED_FILE_H_
#define SMX_BACKENDS_PACKED_PACKED_FILE_H_

#include <cstddef>
#include <cstdint>

#include "base/file_replacement.h"
#include "base/fixed_array.h"
#include "smx/platform.h"
#include "smx/span.h"
#include "smx/status.h"

namespace smx {

// The weights cache: a file of packed weights, mapped in place of packing them. Header, entries, then the weights, each
// at the first aligned byte behind the slack of the one before it. Numbers are as the machine has them, which is no
// other than the one that packed. The version counts changes of this file and of how products are packed.

/// Which weights of a model, which part of them, and in whose order.
struct PackedKey {
  enum Origin : uint64_t { kFile, kMade, kAddress };
  enum Order : uint64_t { kXnnpack, kPanels, kRows };

  uint64_t origin;
  uint64_t place;  // kFile: in the model's file; kMade: ProductWeights::made_matrix; kAddress, never stored: in memory
  uint64_t inputs;
  uint64_t outputs;
  uint64_t order = kXnnpack;
};

struct PackedFileEntry {
  PackedKey key;
  uint64_t offset;
  uint64_t bytes;  // what the kernels read; kPackedSlackBytes zeros behind
};

/// What packed weights depend on; a file with another one is stale.
struct PackedFingerprint {
  uint8_t model_sha256[32];
  uint8_t library_sha256[32];  // XNNPACK's build, and how it packs
  char isa[32];
};

struct PackedFileHeader {
  uint8_t magic[8];
  uint32_t byte_order;     // kPackedByteOrder
  uint32_t version;        // kPackedFileVersion
  uint32_t pointer_bytes;  // sizeof(void*)
  uint32_t num_entries;
  uint64_t file_bytes;
  PackedFingerprint fingerprint;
  uint8_t index_sha256[32];  // of the entries
  uint8_t body_sha256[32];   // of all behind them
};
static_assert(sizeof(PackedFileEntry) == 56 && sizeof(PackedFileHeader) == 192);

inline constexpr uint8_t kPackedMagic[8] = {0x89, 'S', 'M', 'X', 'P', '\r', '\n', 0x1a};
inline constexpr uint32_t kPackedByteOrder = 0x01020304;
inline constexpr uint32_t kPackedFileVersion = 5;
inline constexpr uint64_t kPackedSlackBytes = 128;  // at least what the library reads behind the end

/// Small weights lie side by side; large ones, such as an expert's, on pages of their own, so that they can be released
/// and read again one by one.
constexpr uint64_t PackedAlignment(uint64_t bytes) { return bytes < (uint64_t{64} << 10) ? 64 : 16384; }

/// Whether a file that begins so is a weights cache, or was about to become one, and may be replaced.
bool MayBePackedFile(Span<const uint8_t> file);

/// Checks whatever the engine follows, and the hash of the body of files up to `max_hashed_bytes`. The entries are
/// copies; their weights lie inside of the file and do not overlap. Any bytes as weights are safe to compute with.
///
/// @retval kInvalidModel  damaged, or made for another model, library or machine; the log says which.
/// @retval kOutOfMemory
Status ReadPackedFile(Span<const uint8_t> file, const PackedFingerprint& expected, uint64_t max_hashed_bytes,
                      const Log& log, FixedArray<PackedFileEntry>* entries);

/// Weights to be written.
struct PackedPiece {
  PackedKey key;
  const uint8_t* data;
  size_t bytes;
};

/// Writes the whole file, which is open. kIoError, kOutOfMemory
Status WritePackedFile(Span<const PackedPiece> pieces, const PackedFingerprint& fingerprint, FileReplacement* file,
                       FixedArray<PackedFileEntry>* entries);

}  // namespace smx

#endif  // SMX_BACKENDS_PACKED_PACKED_FILE_H_
