#include "model/file.h"

#include <cinttypes>
#include <cstring>

#include "base/checked_math.h"
#include "base/log.h"
#include "base/sha256.h"
#include "file_format.h"

namespace smx {
namespace {

using schema::FileHeader;

// Root, config, experts, tokenizer and its parts, card: a dozen; the rest are layers, tensors and special tokens.
constexpr flatbuffers::uoffset_t kMaxTables = 1u << 17;
constexpr flatbuffers::uoffset_t kMaxDepth = 8;

bool IsZero(Span<const uint8_t> bytes) {
  for (const uint8_t byte : bytes) {
    if (byte != 0) return false;
  }
  return true;
}

/// A part of the file that was proved to lie inside of it, so a size_t can hold both numbers.
Span<const uint8_t> BytesOf(Span<const uint8_t> file, uint64_t offset, uint64_t size) {
  return file.subspan(static_cast<size_t>(offset), static_cast<size_t>(size));
}

Status CheckHeader(const FileHeader& header, uint64_t file_bytes, const Log& log) {
  if (std::memcmp(header.magic, schema::kMagic, sizeof(header.magic)) != 0) {
    return Fail(log, Status::kInvalidModel, "header: the first 8 bytes are not those of a .smx file");
  }
  if (header.format_major != schema::kFormatMajor) {
    return Fail(log, Status::kUnsupported, "header: format version %u.%u, this build reads %u.x", header.format_major,
                header.format_minor, schema::kFormatMajor);
  }
  if (header.file_bytes != file_bytes) {
    return Fail(log, Status::kInvalidModel,
                "header: file_bytes %" PRIu64 ", the file has %" PRIu64 " bytes: truncated or extended",
                header.file_bytes, file_bytes);
  }
  if (header.header_bytes != sizeof(FileHeader) || !IsZero(header.reserved)) {
    return Fail(log, Status::kInvalidModel, "header: header_bytes %u or a reserved byte is wrong", header.header_bytes);
  }
  const Checked end = Checked(sizeof(FileHeader)) + Checked(header.metadata_bytes);
  if (!end.AtMost(file_bytes) || header.metadata_bytes > schema::kMaxMetadataBytes) {
    return Fail(log, Status::kInvalidModel,
                "header: metadata_bytes %" PRIu64 ", at most %" PRIu64 " and inside of the file", header.metadata_bytes,
                schema::kMaxMetadataBytes);
  }
  return Status::kOk;
}

Status CopyMetadata(Span<const uint8_t> bytes, const FileHeader& header, const Log& log,
                    FixedArray<uint8_t>* metadata) {
  const size_t size = static_cast<size_t>(header.metadata_bytes);
  if (metadata->Allocate(size) != Status::kOk) {
    return Fail(log, Status::kOutOfMemory, "metadata: no room for %zu bytes", size);
  }
  if (size != 0) std::memcpy(metadata->data(), bytes.data() + sizeof(FileHeader), size);
  if (!HashIs({metadata->data(), size}, header.metadata_sha256)) {
    return Fail(log, Status::kInvalidModel, "metadata: SHA-256 differs from the header's: damaged");
  }
  return Status::kOk;
}

Status VerifyFlatBuffer(const FixedArray<uint8_t>& metadata, const Log& log, const schema::Model** model) {
  constexpr size_t kSmallest = 8;  // root offset and file identifier
  if (metadata.size() < kSmallest || !schema::ModelBufferHasIdentifier(metadata.data())) {
    return Fail(log, Status::kInvalidModel, "metadata: file identifier is not \"%s\"", schema::ModelIdentifier());
  }
  flatbuffers::Verifier verifier(metadata.data(), metadata.size(), kMaxDepth, kMaxTables);
  if (!schema::VerifyModelBuffer(verifier)) {
    return Fail(log, Status::kInvalidModel, "metadata: not a sound FlatBuffer");
  }
  *model = schema::GetModel(metadata.data());
  // The verifier looks at where a vector begins, which is a multiple of 4, and not at what its elements need.
  if (reinterpret_cast<uintptr_t>((*model)->segments()->Data()) % alignof(schema::Segment) != 0) {
    return Fail(log, Status::kInvalidModel, "metadata: segments lie at no multiple of %zu", alignof(schema::Segment));
  }
  return Status::kOk;
}

/// Each segment begins at the first aligned byte after the one before it, zeros lie between, the last ends the file.
Status CheckSegments(const VerifiedFile& file, const Log& log) {
  uint64_t end = sizeof(FileHeader) + file.metadata.size();
  const auto& segments = *file.model->segments();
  for (uint32_t i = 0; i < segments.size(); ++i) {
    const schema::Segment& segment = *segments.Get(i);
    if (segment.alignment() != schema::kSegmentAlignment && segment.alignment() != schema::kExpertAlignment) {
      return Fail(log, Status::kInvalidModel, "segment %u: alignment %u, must be %" PRIu64 " or %" PRIu64, i,
                  segment.alignment(), schema::kSegmentAlignment, schema::kExpertAlignment);
    }
    const Checked offset = Checked(end).AlignedUp(segment.alignment());
    const Checked segment_end = offset + Checked(segment.bytes());
    if (!offset.ok() || segment.offset() != offset.value() || !segment_end.AtMost(file.bytes.size()) ||
        segment.bytes() == 0 || segment.reserved() != 0) {
      return Fail(log, Status::kInvalidModel,
                  "segment %u: offset %" PRIu64 ", bytes %" PRIu64 "; must begin at %" PRIu64
                  " and end inside of the file of %zu bytes",
                  i, segment.offset(), segment.bytes(), offset.value(), file.bytes.size());
    }
    if (!IsZero(BytesOf(file.bytes, end, segment.offset() - end))) {
      return Fail(log, Status::kInvalidModel, "segment %u: the bytes before it are not zero", i);
    }
    end = segment_end.value();
  }
  if (end == file.bytes.size()) return Status::kOk;
  return Fail(log, Status::kInvalidModel, "segments: the last ends at %" PRIu64 ", the file at %zu", end,
              file.bytes.size());
}

}  // namespace

Status VerifyFile(Span<const uint8_t> bytes, const Log& log, VerifiedFile* file) {
  FileHeader header;
  if (bytes.size() < sizeof(header)) {
    return Fail(log, Status::kInvalidModel, "file: %zu bytes, the header alone has %zu", bytes.size(), sizeof(header));
  }
  std::memcpy(&header, bytes.data(), sizeof(header));
  SMX_TRY(CheckHeader(header, bytes.size(), log));
  file->bytes = bytes;
  SMX_TRY(CopyMetadata(bytes, header, log, &file->metadata));
  SMX_TRY(VerifyFlatBuffer(file->metadata, log, &file->model));
  return CheckSegments(*file, log);
}

Status VerifySegmentHashes(const VerifiedFile& file, const Log& log) {
  const auto& segments = *file.model->segments();
  for (uint32_t i = 0; i < segments.size(); ++i) {
    const schema::Segment& segment = *segments.Get(i);
    const Span<const uint8_t> bytes = BytesOf(file.bytes, segment.offset(), segment.bytes());
    if (!HashIs(bytes, segment.sha256().bytes()->data())) {
      return Fail(log, Status::kInvalidModel,
                  "segment %u at %" PRIu64 ": SHA-256 differs from the metadata's: damaged weights", i,
                  segment.offset());
    }
  }
  return Status::kOk;
}

}  // namespace smx
