#include "backends/packed/packed_file.h"

#include <algorithm>
#include <cinttypes>
#include <cstring>

#include "base/checked_math.h"
#include "base/log.h"
#include "base/sha256.h"

namespace smx {
namespace {

constexpr uint8_t kZeros[1024] = {};

Span<const uint8_t> BytesOf(const FixedArray<PackedFileEntry>& entries) {
  return {reinterpret_cast<const uint8_t*>(entries.data()), entries.size() * sizeof(PackedFileEntry)};
}

Status CheckFingerprint(const PackedFingerprint& found, const PackedFingerprint& expected, const Log& log) {
  if (std::memcmp(found.model_sha256, expected.model_sha256, sizeof(found.model_sha256)) != 0) {
    return Fail(log, Status::kInvalidModel, "stale: packed from another model");
  }
  if (std::memcmp(found.isa, expected.isa, sizeof(found.isa)) != 0) {
    return Fail(log, Status::kInvalidModel, "stale: packed for the instruction set \"%.31s\", this machine has \"%s\"",
                found.isa, expected.isa);
  }
  if (std::memcmp(found.library_sha256, expected.library_sha256, sizeof(found.library_sha256)) != 0) {
    return Fail(log, Status::kInvalidModel, "stale: packed by another build of XNNPACK, or for another processor");
  }
  return Status::kOk;
}

Status CheckHeader(const PackedFileHeader& header, uint64_t file_bytes, const PackedFingerprint& expected,
                   const Log& log) {
  if (std::memcmp(header.magic, kPackedMagic, sizeof(header.magic)) != 0) {
    return Fail(log, Status::kInvalidModel, "the first 8 bytes are not those of a weights cache");
  }
  if (header.byte_order != kPackedByteOrder || header.pointer_bytes != sizeof(void*)) {
    return Fail(log, Status::kInvalidModel, "stale: written with another byte order or size of pointers");
  }
  if (header.version != kPackedFileVersion) {
    return Fail(log, Status::kInvalidModel, "stale: version %u, this build writes %u", header.version,
                kPackedFileVersion);
  }
  SMX_TRY(CheckFingerprint(header.fingerprint, expected, log));
  if (header.file_bytes == file_bytes) return Status::kOk;
  return Fail(log, Status::kInvalidModel, "damaged: has %" PRIu64 " bytes, its header says %" PRIu64, file_bytes,
              header.file_bytes);
}

/// Places the weights of `entries` one behind the other; gives the size of the file.
Checked PlaceEntries(Span<PackedFileEntry> entries) {
  Checked end = Checked(sizeof(PackedFileHeader)) + Checked(entries.size()) * Checked(sizeof(PackedFileEntry));
  for (PackedFileEntry& entry : entries) {
    const Checked offset = end.AlignedUp(PackedAlignment(entry.bytes));
    entry.offset = offset.ok() ? offset.value() : 0;
    end = offset + Checked(entry.bytes) + Checked(kPackedSlackBytes);
  }
  return end;
}

/// They lie where PlaceEntries would have put them.
Status CheckEntries(const FixedArray<PackedFileEntry>& entries, uint64_t file_bytes, const Log& log) {
  Checked end = Checked(sizeof(PackedFileHeader)) + Checked(BytesOf(entries).size());
  for (size_t i = 0; i < entries.size(); ++i) {
    const PackedFileEntry& entry = entries[i];
    const Checked offset = end.AlignedUp(PackedAlignment(entry.bytes));
    end = offset + Checked(entry.bytes) + Checked(kPackedSlackBytes);
    if (entry.bytes != 0 && entry.key.origin < PackedKey::kAddress && entry.key.order <= PackedKey::kRows &&
        end.AtMost(file_bytes) && entry.offset == offset.value()) {
      continue;
    }
    return Fail(log, Status::kInvalidModel,
                "damaged: entry %zu has origin %" PRIu64 ", order %" PRIu64 ", offset %" PRIu64 ", bytes %" PRIu64
                " in a file of %" PRIu64,
                i, entry.key.origin, entry.key.order, entry.offset, entry.bytes, file_bytes);
  }
  if (end.value() == file_bytes) return Status::kOk;
  return Fail(log, Status::kInvalidModel, "damaged: the weights end at %" PRIu64 ", the file at %" PRIu64, end.value(),
              file_bytes);
}

/// Calls take(bytes) for all behind the entries, in order, until one fails.
template <typename Take>
Status ForEachPart(Span<const PackedPiece> pieces, const FixedArray<PackedFileEntry>& entries, Take take) {
  uint64_t end = sizeof(PackedFileHeader) + BytesOf(entries).size();
  const auto fill_to = [&](uint64_t offset) {
    while (end < offset) {
      const size_t size = static_cast<size_t>(std::min<uint64_t>(offset - end, sizeof(kZeros)));
      SMX_TRY(take(Span<const uint8_t>(kZeros, size)));
      end += size;
    }
    return Status::kOk;
  };
  for (size_t i = 0; i < entries.size(); ++i) {
    SMX_TRY(fill_to(entries[i].offset));
    SMX_TRY(take(Span<const uint8_t>(pieces[i].data, pieces[i].bytes)));
    end += pieces[i].bytes;
    SMX_TRY(fill_to(end + kPackedSlackBytes));
  }
  return Status::kOk;
}

}  // namespace

bool MayBePackedFile(Span<const uint8_t> file) {
  return std::memcmp(file.data(), kPackedMagic, std::min(file.size(), sizeof(kPackedMagic))) == 0;
}

Status ReadPackedFile(Span<const uint8_t> file, const PackedFingerprint& expected, uint64_t max_hashed_bytes,
                      const Log& log, FixedArray<PackedFileEntry>* entries) {
  PackedFileHeader header;
  if (file.size() < sizeof(header)) {
    return Fail(log, Status::kInvalidModel, "damaged: %zu bytes, the header alone has %zu", file.size(),
                sizeof(header));
  }
  std::memcpy(&header, file.data(), sizeof(header));
  SMX_TRY(CheckHeader(header, file.size(), expected, log));
  if (header.num_entries > (file.size() - sizeof(header)) / sizeof(PackedFileEntry)) {
    return Fail(log, Status::kInvalidModel, "damaged: %u entries in a file of %zu bytes", header.num_entries,
                file.size());
  }
  SMX_TRY(entries->Allocate(header.num_entries));
  const size_t index_bytes = BytesOf(*entries).size();
  if (index_bytes != 0) std::memcpy(entries->data(), file.data() + sizeof(header), index_bytes);
  if (!HashIs(BytesOf(*entries), header.index_sha256)) {
    return Fail(log, Status::kInvalidModel, "damaged: SHA-256 of its entries differs from the header's");
  }
  SMX_TRY(CheckEntries(*entries, file.size(), log));
  const size_t body = sizeof(header) + index_bytes;
  if (file.size() <= max_hashed_bytes && !HashIs(file.subspan(body, file.size() - body), header.body_sha256)) {
    return Fail(log, Status::kInvalidModel, "damaged: SHA-256 of its weights differs from the header's");
  }
  return Status::kOk;
}

Status WritePackedFile(Span<const PackedPiece> pieces, const PackedFingerprint& fingerprint, FileReplacement* file,
                       FixedArray<PackedFileEntry>* entries) {
  SMX_TRY(entries->Allocate(pieces.size()));
  for (size_t i = 0; i < pieces.size(); ++i) (*entries)[i] = {pieces[i].key, 0, pieces[i].bytes};
  const Checked file_bytes = PlaceEntries({entries->data(), entries->size()});
  if (!file_bytes.AtMost(SIZE_MAX)) return Status::kOutOfMemory;
  PackedFileHeader header = {};
  std::memcpy(header.magic, kPackedMagic, sizeof(header.magic));
  header.byte_order = kPackedByteOrder;
  header.version = kPackedFileVersion;
  header.pointer_bytes = sizeof(void*);
  header.num_entries = static_cast<uint32_t>(pieces.size());
  header.file_bytes = file_bytes.value();
  header.fingerprint = fingerprint;
  Sha256 index, body;
  index.Update(BytesOf(*entries));
  index.Finish(header.index_sha256);
  const auto hash = [&body](Span<const uint8_t> bytes) {
    body.Update(bytes);
    return Status::kOk;
  };
  SMX_TRY(ForEachPart(pieces, *entries, hash));
  body.Finish(header.body_sha256);
  SMX_TRY(file->Write({reinterpret_cast<const uint8_t*>(&header), sizeof(header)}));
  SMX_TRY(file->Write(BytesOf(*entries)));
  return ForEachPart(pieces, *entries, [file](Span<const uint8_t> bytes) { return file->Write(bytes); });
}

}  // namespace smx
