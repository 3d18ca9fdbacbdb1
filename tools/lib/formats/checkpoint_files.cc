#include "formats/checkpoint_files.h"

#include <cstring>
#include <filesystem>
#include <set>

#include "error.h"
#include "formats/flax_checkpoint.h"
#include "formats/safetensors_index.h"

namespace smx::tools {
namespace {

namespace fs = std::filesystem;

constexpr char kSingle[] = "model.safetensors";
constexpr char kIndex[] = "model.safetensors.index.json";

bool EndsIn(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

bool Exists(const fs::path& path) {
  std::error_code ignored;  // what cannot be looked at cannot be read either, and then the reason is said
  return fs::exists(path, ignored);
}

/// To unpickle is to run what the file says, so we do not.
[[noreturn]] void RefusePickle(const std::string& path) {
  throw Error(
      ExitCode::kUnsupported,
      path +
          ": a PyTorch pickle is not read, for it is a program; convert it where PyTorch is: python3 -c \"import "
          "sys, torch; from safetensors.torch import save_file; save_file({name: value.contiguous() for name, "
          "value in torch.load(sys.argv[1], map_location='cpu', weights_only=True).items()}, "
          "'model.safetensors')\" " +
          path);
}

/// A zip archive, or a bare pickle of protocol 2 or newer. A safetensors file, which begins with the length of its
/// header, may begin with the same bytes, but then it is that long.
bool IsPickle(const std::string& path) {
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) return false;
  const InputFile file(path);
  uint8_t first[8];
  if (file.size() < sizeof(first)) return false;
  file.Read(0, sizeof(first), first);
  uint64_t length;
  std::memcpy(&length, first, sizeof(length));
  const bool is_zip = std::memcmp(first, "PK\3\4", 4) == 0;
  return length > file.size() && (is_zip || (first[0] == 0x80 && first[1] >= 2 && first[1] <= 5));
}

CheckpointFiles WithIndex(const std::string& index, const std::string& config) {
  std::set<std::string> parts;
  for (const auto& item : ReadSafetensorsIndex(index)) parts.insert(item.second);
  CheckpointFiles found = {CheckpointForm::kShardedSafetensors, {index}, config};
  found.files.insert(found.files.end(), parts.begin(), parts.end());
  return found;
}

CheckpointFiles FlaxOf(const std::string& folder, std::optional<uint64_t> step) {
  const FlaxFiles flax = FindFlaxFiles(folder, step);
  CheckpointFiles found = {CheckpointForm::kFlax, {flax.replicated}, (fs::path(folder) / "config.json").string()};
  found.files.insert(found.files.end(), flax.shards.begin(), flax.shards.end());
  if (!Exists(found.config)) {
    const fs::path whole = fs::absolute(folder + "/").lexically_normal();
    found.config = (whole.parent_path().parent_path() / "config.json").string();
  }
  return found;
}

CheckpointFiles InFolder(const std::string& folder, std::optional<uint64_t> step) {
  const fs::path path = folder;
  const std::string config = (path / "config.json").string();
  const bool has_safetensors = Exists(path / kSingle) || Exists(path / kIndex);
  if (HasFlaxFiles(folder)) {
    if (!has_safetensors) return FlaxOf(folder, step);
    throw Error(ExitCode::kBadInput, folder +
                                         ": holds both Flax files and safetensors; name the .safetensors file, or "
                                         "a folder with the Flax files alone");
  }
  if (step) throw Error(ExitCode::kUsage, "--step is for folders of Flax checkpoints; " + folder + " has none");
  if (Exists(path / kSingle)) return {CheckpointForm::kSafetensors, {(path / kSingle).string()}, config};
  if (Exists(path / kIndex)) return WithIndex((path / kIndex).string(), config);
  for (const char* pickle : {"pytorch_model.bin", "pytorch_model.bin.index.json"}) {
    if (Exists(path / pickle)) RefusePickle((path / pickle).string());
  }
  throw Error(ExitCode::kBadInput, folder +
                                       ": no checkpoint here; a folder must hold replicated_checkpoint_N (Flax), "
                                       "model.safetensors, or model.safetensors.index.json");
}

}  // namespace

uint64_t CheckpointFiles::bytes() const {
  uint64_t sum = 0;
  for (const std::string& file : files) {
    std::error_code error;
    const uintmax_t size = fs::file_size(file, error);
    if (!error) sum += size;
  }
  return sum;
}

CheckpointFiles FindCheckpoint(const std::string& path, std::optional<uint64_t> step) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) return InFolder(path, step);
  if (step) throw Error(ExitCode::kUsage, "--step is for folders of Flax checkpoints; " + path + " is none");
  const std::string config = (fs::path(path).parent_path() / "config.json").string();
  if (EndsIn(path, ".index.json")) return WithIndex(path, config);
  if (IsPickle(path)) RefusePickle(path);
  return {CheckpointForm::kSafetensors, {path}, config};
}

ArrayMap ReadArrays(const CheckpointFiles& checkpoint) {
  switch (checkpoint.form) {
    case CheckpointForm::kFlax:
      return ReadFlaxCheckpoint({checkpoint.files[0], {checkpoint.files.begin() + 1, checkpoint.files.end()}});
    case CheckpointForm::kShardedSafetensors:
      return ReadShardedSafetensors(checkpoint.files[0]);
    case CheckpointForm::kSafetensors:
      break;
  }
  return ReadSafetensors(checkpoint.files[0]);
}

}  // namespace smx::tools
