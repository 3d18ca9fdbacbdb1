#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <sys/mman.h>
#include <unistd.h>

#include "backends/packed/packed_file.h"
#include "engine.h"
#include "fuzz/targets.h"
#include "model_writer.h"
#include "smx/encoder.h"
#include "smx/sha256.h"
#include "support/tiny_models.h"

namespace smx::fuzz {
namespace {

using tools::AlignedBytes;
using Bytes = std::vector<uint8_t>;

/// Pages of memory with a path.
class MemoryFile {
 public:
  explicit MemoryFile(const Bytes& bytes) : fd_(memfd_create("weights cache", MFD_CLOEXEC)) {
    Require(fd_ >= 0, "there is a file in memory");
    Require(write(fd_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()), "that holds the input");
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() { close(fd_); }

  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_;
};

struct Outcome {
  Status status;
  float logits[3];
};

/// By a session of a model of its own, with the cache at `path`; null: without.
Outcome RunTiny(const char* path) {
  static const AlignedBytes file(tools::SerializeModel(tests::TinyExperts(), tools::WeightsType::kInt8));
  LoadOptions load_options;
  load_options.weights_cache_path = path;
  const Result<Model> model = Model::FromMemory({file.data(), file.size()}, load_options);
  Require(model.ok(), "the model is sound");
  static const AlignedBytes arena(Encoder::ArenaBytes(model.value()).value());
  Result<Encoder> encoder = Encoder::Create(model.value(), {}, Span<uint8_t>(arena.data(), arena.size()));
  Require(encoder.ok(), "a session is created, whatever the cache is");
  const int32_t ids[] = {2, 5, 7, 9, 3, 0, 0, 0};
  Outcome outcome = {};
  outcome.status = encoder->Run(ids, {}, {{}, {}, outcome.logits});
  return outcome;
}

/// What the engine itself writes; nothing in a build that packs nothing.
const Bytes& SoundCache() {
  static const Bytes sound = [] {
    std::string folder = (std::filesystem::temp_directory_path() / "smx_fuzz_XXXXXX").string();
    Require(mkdtemp(folder.data()) != nullptr, "there is a folder");
    const std::string path = folder + "/weights.cache";
    RunTiny(path.c_str());
    std::ifstream file(path, std::ios::binary);
    const Bytes bytes((std::istreambuf_iterator<char>(file)), {});
    std::filesystem::remove_all(folder);
    return bytes;
  }();
  return sound;
}

void HashInto(const uint8_t* bytes, size_t size, uint8_t digest[32]) {
  Sha256 hash;
  hash.Update({bytes, size});
  hash.Finish(digest);
}

/// Makes everything of the header right that the engine compares before it looks at the entries, as far as they lie
/// inside of the file.
void Repair(Bytes* bytes) {
  PackedFileHeader header, sound;
  if (bytes->size() < sizeof(header) || SoundCache().size() < sizeof(sound)) return;
  std::memcpy(&header, bytes->data(), sizeof(header));
  std::memcpy(&sound, SoundCache().data(), sizeof(sound));
  const uint32_t num_entries = header.num_entries;
  header = sound;
  header.num_entries = num_entries;
  header.file_bytes = bytes->size();
  const size_t left = bytes->size() - sizeof(header);
  if (num_entries <= left / sizeof(PackedFileEntry)) {
    const size_t index_bytes = num_entries * sizeof(PackedFileEntry);
    const uint8_t* const index = bytes->data() + sizeof(header);
    HashInto(index, index_bytes, header.index_sha256);
    HashInto(index + index_bytes, left - index_bytes, header.body_sha256);
  }
  std::memcpy(bytes->data(), &header, sizeof(header));
}

}  // namespace

std::vector<Bytes> WeightsCaches() {
  Bytes other = SoundCache();
  other.push_back(0);
  return {SoundCache(), other};
}

void MapWeightsCache(const uint8_t* data, size_t size) {
  Bytes bytes(data, data + size);
  const bool is_repaired = size % 2 == 0;
  if (is_repaired) Repair(&bytes);
  static const Outcome expected = RunTiny(nullptr);
  const MemoryFile file(bytes);
  const Outcome outcome = RunTiny(file.path().c_str());
  // Made-up weights may give infinite numbers, which a run refuses to give on.
  Require(outcome.status == Status::kOk || (is_repaired && outcome.status == Status::kInvalidModel),
          "a run ends well, or finds that the weights compute no numbers");
  const bool is_same = std::memcmp(outcome.logits, expected.logits, sizeof(expected.logits)) == 0;
  Require(is_repaired || is_same, "a cache whose hashes were not made right changes no answer");
}

}  // namespace smx::fuzz
