// The weights cache as bytes: whatever is not exactly what this build would write for this model is refused.

#include "backends/packed/packed_file.h"

#include <cstring>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "smx/sha256.h"
#include "support/process.h"

using smx::FixedArray;
using smx::PackedFileEntry;
using smx::PackedFileHeader;
using smx::PackedFingerprint;
using smx::PackedKey;
using smx::PackedPiece;
using smx::Status;

namespace {

using Bytes = std::vector<uint8_t>;

PackedFingerprint Expected() {
  PackedFingerprint fingerprint = {};
  std::memset(fingerprint.model_sha256, 1, sizeof(fingerprint.model_sha256));
  std::memset(fingerprint.library_sha256, 2, sizeof(fingerprint.library_sha256));
  std::strcpy(fingerprint.isa, "isa");
  return fingerprint;
}

/// Two small weights and a large one, which lies on pages of its own.
const Bytes& Sound() {
  static const Bytes sound = [] {
    const Bytes values(70000, 5);
    const PackedPiece pieces[] = {{{PackedKey::kFile, 128, 7, 9}, values.data(), 100},
                                  {{PackedKey::kFile, 512, 7, 9}, values.data(), values.size()},
                                  {{PackedKey::kMade, 1, 3, 3}, values.data(), 64}};
    const smx::tests::TemporaryFolder folder;
    const std::string path = folder.Path("cache");
    smx::FileReplacement file;
    FixedArray<PackedFileEntry> entries;
    REQUIRE(file.Open(path.c_str(), {}) == Status::kOk);
    REQUIRE(smx::WritePackedFile(pieces, Expected(), &file, &entries) == Status::kOk);
    REQUIRE(file.Commit() == Status::kOk);
    const std::string content = smx::tests::ReadFile(path);
    return Bytes(content.begin(), content.end());
  }();
  return sound;
}

constexpr size_t kIndexEnd = sizeof(PackedFileHeader) + 3 * sizeof(PackedFileEntry);

struct Reading {
  Status status;
  std::string message;
  FixedArray<PackedFileEntry> entries;
};

/// Out of a block of its own, so that a sanitizer sees what is read behind its end.
Reading Read(const Bytes& bytes, uint64_t max_hashed_bytes = UINT64_MAX) {
  Reading reading;
  const smx::Log log = {[](void* context, const char* text) { *static_cast<std::string*>(context) = text; },
                        &reading.message};
  const auto copy = std::make_unique<uint8_t[]>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), copy.get());
  reading.status = smx::ReadPackedFile({copy.get(), bytes.size()}, Expected(), max_hashed_bytes, log, &reading.entries);
  return reading;
}

/// Changes the header and the entries, and makes the hash of the entries right.
template <typename Change>
Bytes Changed(Change change) {
  Bytes bytes = Sound();
  PackedFileHeader header;
  PackedFileEntry entries[3];
  std::memcpy(&header, bytes.data(), sizeof(header));
  std::memcpy(entries, bytes.data() + sizeof(header), sizeof(entries));
  change(&header, entries);
  smx::Sha256 hash;
  hash.Update({reinterpret_cast<const uint8_t*>(entries), sizeof(entries)});
  hash.Finish(header.index_sha256);
  std::memcpy(bytes.data(), &header, sizeof(header));
  std::memcpy(bytes.data() + sizeof(header), entries, sizeof(entries));
  return bytes;
}

template <typename Change>
void CheckRefused(const char* words, Change change) {
  CAPTURE(words);
  const Reading reading = Read(Changed(change), 0);
  CHECK(reading.status == Status::kInvalidModel);
  CAPTURE(reading.message);
  CHECK(reading.message.find(words) != std::string::npos);
}

}  // namespace

TEST_CASE("packed file: what was written is read: small weights side by side, a large one on pages of its own") {
  const Reading reading = Read(Sound());
  CAPTURE(reading.message);
  REQUIRE(reading.status == Status::kOk);
  REQUIRE(reading.entries.size() == 3);
  CHECK(reading.entries[0].offset == 384);
  CHECK(reading.entries[0].bytes == 100);
  CHECK(reading.entries[1].offset == 16384);
  CHECK(reading.entries[1].key.place == 512);
  CHECK(reading.entries[2].key.origin == PackedKey::kMade);
  CHECK(Sound().size() == reading.entries[2].offset + 64 + smx::kPackedSlackBytes);
  CHECK(Read(Changed([](PackedFileHeader*, PackedFileEntry*) {})).status == Status::kOk);
}

TEST_CASE("packed file: every length but the right one is refused") {
  for (size_t size = 0; size < Sound().size(); size += size < kIndexEnd + 600 ? 1 : 97) {
    CAPTURE(size);
    CHECK(Read(Bytes(Sound().begin(), Sound().begin() + static_cast<std::ptrdiff_t>(size)), 0).status ==
          Status::kInvalidModel);
  }
  Bytes longer = Sound();
  longer.push_back(0);
  CHECK(Read(longer, 0).status == Status::kInvalidModel);
}

TEST_CASE(
    "packed file: every bit of header and entries that is flipped is found, and every one of the weights by hash") {
  const size_t body_hash = offsetof(PackedFileHeader, body_sha256);
  Bytes bytes = Sound();
  for (size_t bit = 0; bit < 8 * kIndexEnd; ++bit) {
    CAPTURE(bit);
    bytes[bit / 8] = static_cast<uint8_t>(bytes[bit / 8] ^ (1u << bit % 8));
    const bool is_of_body = bit / 8 >= body_hash && bit / 8 < sizeof(PackedFileHeader);
    CHECK(Read(bytes, 0).status == (is_of_body ? Status::kOk : Status::kInvalidModel));
    CHECK((!is_of_body || Read(bytes).status == Status::kInvalidModel));
    bytes[bit / 8] = Sound()[bit / 8];
  }
  for (size_t at = kIndexEnd; at < bytes.size(); at += 997) {
    CAPTURE(at);
    ++bytes[at];
    CHECK(Read(bytes).status == Status::kInvalidModel);
    CHECK(Read(bytes, bytes.size() - 1).status == Status::kOk);
    --bytes[at];
  }
}

TEST_CASE("packed file: each part of the fingerprint makes it stale, with a word that says which") {
  CheckRefused("not those of a weights cache", [](auto* header, auto*) { header->magic[3] = 'x'; });
  CheckRefused("byte order", [](auto* header, auto*) { header->byte_order = 0x04030201; });
  CheckRefused("size of pointers", [](auto* header, auto*) { header->pointer_bytes = 2; });
  const std::string versions = "version 1, this build writes " + std::to_string(smx::kPackedFileVersion);
  CheckRefused(versions.c_str(), [](auto* header, auto*) { header->version = 1; });
  CheckRefused("another model", [](auto* header, auto*) { header->fingerprint.model_sha256[31] = 0; });
  CheckRefused("another build of XNNPACK", [](auto* header, auto*) { header->fingerprint.library_sha256[0] = 0; });
  CheckRefused("\"iso\", this machine has \"isa\"", [](auto* header, auto*) { header->fingerprint.isa[2] = 'o'; });
  CheckRefused("instruction set", [](auto* header, auto*) { std::memset(header->fingerprint.isa, 'y', 32); });
}

TEST_CASE("packed file: numbers that contradict each other or the file are refused, also where they overflow") {
  CheckRefused("its header says", [](auto* header, auto*) { ++header->file_bytes; });
  for (const uint32_t count : {4u, 2000u, UINT32_MAX}) {
    CheckRefused("damaged", [count](auto* header, auto*) { header->num_entries = count; });
  }
  for (const uint64_t value : {uint64_t{0}, uint64_t{99}, uint64_t{70000}, uint64_t{1} << 31, uint64_t{1} << 32,
                               UINT64_MAX / 2, UINT64_MAX - 128, UINT64_MAX}) {
    CAPTURE(value);
    for (const size_t i : {0, 1, 2}) {
      CheckRefused("damaged", [=](auto*, auto* entries) { entries[i].offset = value; });
      if (value == 70000 && i == 1) continue;
      // 99 bytes of slack and weights leave the next entry where it was; the last one then ends elsewhere.
      const Bytes bytes = Changed([=](auto*, auto* entries) { entries[i].bytes = value; });
      const bool is_sound = value == 99 && i == 0;
      CHECK((Read(bytes, 0).status == Status::kOk) == is_sound);
    }
  }
  for (const uint64_t order : {uint64_t{PackedKey::kRows} + 1, UINT64_MAX}) {
    CheckRefused("order", [order](auto*, auto* entries) { entries[2].key.order = order; });
  }
  for (const uint64_t origin : {uint64_t{PackedKey::kAddress}, UINT64_MAX}) {
    CheckRefused("origin", [origin](auto*, auto* entries) { entries[1].key.origin = origin; });
  }
  CheckRefused("damaged", [](auto*, auto* entries) { std::swap(entries[0], entries[1]); });
}

TEST_CASE("packed file: whatever begins as one may be replaced, nothing else") {
  const auto may_be = [](const std::string& text) {
    return smx::MayBePackedFile({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
  };
  const std::string magic(reinterpret_cast<const char*>(smx::kPackedMagic), 8);
  for (size_t size = 0; size <= 8; ++size) CHECK(may_be(magic.substr(0, size)));
  CHECK(may_be(magic + "anything"));
  CHECK_FALSE(may_be("text"));
  CHECK_FALSE(may_be(magic.substr(0, 7) + "x"));
}
