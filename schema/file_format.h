#ifndef SMX_SCHEMA_FILE_FORMAT_H_
#define SMX_SCHEMA_FILE_FORMAT_H_

#include <cstdint>

namespace smx::schema {

/// The first bytes of every model file. The byte above 127 and the line ends reveal a transfer as text.
inline constexpr uint8_t kMagic[8] = {0x89, 'S', 'M', 'X', '\r', '\n', 0x1a, '\n'};

/// A reader refuses another major version. A newer minor version only appends to the schema.
inline constexpr uint16_t kFormatMajor = 1;
inline constexpr uint16_t kFormatMinor = 0;

inline constexpr uint64_t kMaxMetadataBytes = uint64_t{64} << 20;
inline constexpr uint64_t kTensorAlignment = 64;
inline constexpr uint64_t kSegmentAlignment = 64;
inline constexpr uint64_t kExpertAlignment = 16384;

/// Bounds of Config.temperature, far beyond what fitting gives: at the lower one, every answer is sure but for equal
/// logits; at the upper one, no answer is.
inline constexpr double kMinTemperature = 0.01;
inline constexpr double kMaxTemperature = 100;

/// 128 bytes at offset 0, little-endian, followed by the metadata, then by the segments.
struct FileHeader {
  uint8_t magic[8];
  uint16_t format_major;
  uint16_t format_minor;
  uint32_t header_bytes;    // sizeof(FileHeader)
  uint64_t file_bytes;      // of the whole file
  uint64_t metadata_bytes;  // from offset header_bytes on
  uint8_t metadata_sha256[32];
  uint8_t reserved[64];  // zero
};
static_assert(sizeof(FileHeader) == 128);

}  // namespace smx::schema

#endif  // SMX_SCHEMA_FILE_FORMAT_H_
