#include "formats/flax_checkpoint.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "error.h"
#include "formats/flax_file.h"

namespace smx::tools {
namespace {

namespace fs = std::filesystem;

constexpr char kReplicated[] = "replicated_checkpoint_";
constexpr char kShard[] = "shard-";

/// Takes `word` off the front of `text`.
bool TakeWord(std::string* text, const std::string& word) {
  if (text->rfind(word, 0) != 0) return false;
  text->erase(0, word.size());
  return true;
}

/// Takes a number off the front.
bool TakeNumber(std::string* text, uint64_t* number) {
  const size_t end = std::min(text->find_first_not_of("0123456789"), text->size());
  if (end == 0 || end > 18) return false;
  *number = std::stoull(text->substr(0, end));
  text->erase(0, end);
  return true;
}

/// What a file's name says of it; `processes` is 0 for the replicated file.
struct FlaxName {
  uint64_t step = 0;
  uint64_t process = 0;
  uint64_t processes = 0;
};

/// Nothing for the name of another file, such as one that was being written.
std::optional<FlaxName> ParseName(std::string name) {
  FlaxName parsed;
  const bool is_shard = TakeWord(&name, kShard);
  if (is_shard) {
    const bool fits = TakeNumber(&name, &parsed.process) && TakeWord(&name, "-of-") &&
                      TakeNumber(&name, &parsed.processes) && TakeWord(&name, "_checkpoint_");
    if (!fits || parsed.processes == 0) return std::nullopt;
  } else if (!TakeWord(&name, kReplicated)) {
    return std::nullopt;
  }
  if (!TakeNumber(&name, &parsed.step) || !name.empty()) return std::nullopt;
  return parsed;
}

/// The files of a folder by their steps.
std::map<uint64_t, std::map<std::string, FlaxName>> ListSteps(const std::string& folder) {
  std::map<uint64_t, std::map<std::string, FlaxName>> steps;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename();
    if (const auto parsed = ParseName(name)) steps[parsed->step][name] = *parsed;
  }
  if (error) throw Error(ExitCode::kBadInput, folder + ": cannot read the folder: " + error.message());
  return steps;
}

std::string ShardName(uint64_t process, uint64_t processes, uint64_t step) {
  const auto number = [](uint64_t value) {
    const std::string digits = std::to_string(value);
    return std::string(digits.size() < 5 ? 5 - digits.size() : 0, '0') + digits;
  };
  return kShard + number(process) + "-of-" + number(processes) + "_checkpoint_" + std::to_string(step);
}

std::string StepsText(const std::map<uint64_t, std::map<std::string, FlaxName>>& steps) {
  std::string text;
  for (const auto& item : steps) text += (text.empty() ? "" : ", ") + std::to_string(item.first);
  return text;
}

bool IsEmpty(const FlaxArray* array) { return array == nullptr || array->bytes == 0; }

/// All files of a step.
class Merger {
 public:
  explicit Merger(const FlaxFiles& files) {
    files_.emplace_back(InputFile(files.replicated));
    for (const std::string& shard : files.shards) files_.emplace_back(InputFile(shard));
    CheckSteps();
  }

  ArrayMap Merge() const;

 private:
  void CheckSteps() const;
  const FlaxArray* Find(const FlaxFile& file, const std::string& name) const {
    const auto found = file.arrays().find(name);
    return found == file.arrays().end() ? nullptr : &found->second;
  }
  Array MergeArray(const std::string& name) const;
  Array MergeShards(const std::string& name) const;
  /// Number of devices of all shards of the array.
  size_t CheckShards(const std::string& name) const;
  [[noreturn]] void Fail(const FlaxFile& file, const std::string& name, const std::string& what) const {
    throw Error(ExitCode::kBadInput, file.path() + ": key " + name + ": " + what);
  }

  std::vector<FlaxFile> files_;  // replicated, then the shards
};

void Merger::CheckSteps() const {
  const FlaxFile* known = nullptr;
  for (const FlaxFile& file : files_) {
    if (!file.step()) continue;
    if (known != nullptr && *known->step() != *file.step()) {
      throw Error(ExitCode::kBadInput, file.path() + ": key step: is " + std::to_string(*file.step()) + ", and " +
                                           std::to_string(*known->step()) + " in " + known->path() +
                                           "; all files must be of one step");
    }
    known = &file;
  }
}

/// Axes of devices and experts are next to each other but for one: [local, a, e, ...] -> [a, all devices * e, ...].
size_t Merger::CheckShards(const std::string& name) const {
  const FlaxArray& first = *Find(files_[1], name);
  size_t devices = 0;
  for (size_t i = 1; i < files_.size(); ++i) {
    const FlaxArray& shard = *Find(files_[i], name);
    if (shard.shape.size() < 3) Fail(files_[i], name, "must have three axes or more: devices, one more, experts");
    const bool fits = shard.dtype == first.dtype && shard.shape.size() == first.shape.size() &&
                      std::equal(shard.shape.begin() + 1, shard.shape.end(), first.shape.begin() + 1);
    if (!fits) {
      Fail(files_[i], name,
           "shape " + ShapeText(shard.shape) + " and dtype " + shard.dtype + ", but " + ShapeText(first.shape) +
               " and " + first.dtype + " in " + files_[1].path() + "; only the first axis may differ");
    }
    devices += shard.shape[0];
  }
  return devices;
}

Array Merger::MergeShards(const std::string& name) const {
  const size_t devices = CheckShards(name);
  const FlaxArray& first = *Find(files_[1], name);
  const size_t rows = first.shape[1];
  Array merged = {first.dtype, {first.shape.begin() + 1, first.shape.end()}, {}};
  merged.shape[1] *= devices;
  const size_t block_bytes = static_cast<size_t>(first.bytes) / first.shape[0] / rows;  // of one row of one device
  merged.bytes.resize(rows * devices * block_bytes);
  size_t device = 0;
  for (size_t i = 1; i < files_.size(); ++i) {
    const FlaxArray& shard = *Find(files_[i], name);
    const std::vector<uint8_t> values = files_[i].Read(shard);
    const uint8_t* block = values.data();
    for (size_t local = 0; local < shard.shape[0]; ++local, ++device) {
      for (size_t row = 0; row < rows; ++row, block += block_bytes) {
        std::copy_n(block, block_bytes, merged.bytes.data() + (row * devices + device) * block_bytes);
      }
    }
  }
  return merged;
}

Array Merger::MergeArray(const std::string& name) const {
  const FlaxArray* whole = Find(files_[0], name);
  size_t num_shards = 0;
  const FlaxFile* without = nullptr;
  for (size_t i = 1; i < files_.size(); ++i) {
    const bool is_empty = IsEmpty(Find(files_[i], name));
    num_shards += is_empty ? 0 : 1;
    if (is_empty) without = &files_[i];
  }
  if (num_shards > 0 && !IsEmpty(whole)) Fail(files_[0], name, "is there, and in shards too; it must be in one place");
  if (num_shards > 0 && without != nullptr) Fail(*without, name, "is empty, but other shards have values");
  if (num_shards > 0) return MergeShards(name);
  if (IsEmpty(whole)) {
    Fail(files_[0], name,
         files_.size() == 1 ? "is empty, and there are no shard files of this step that could have it"
                            : "is empty in every file of this step");
  }
  return {whole->dtype, whole->shape, files_[0].Read(*whole)};
}

ArrayMap Merger::Merge() const {
  std::set<std::string> names;
  for (const FlaxFile& file : files_) {
    for (const auto& item : file.arrays()) names.insert(item.first);
  }
  ArrayMap arrays;
  for (const std::string& name : names) arrays[name] = MergeArray(name);
  return arrays;
}

}  // namespace

bool HasFlaxFiles(const std::string& folder) { return !ListSteps(folder).empty(); }

FlaxFiles FindFlaxFiles(const std::string& folder, std::optional<uint64_t> step) {
  const auto steps = ListSteps(folder);
  const auto found = step ? steps.find(*step) : std::prev(steps.end());
  if (found == steps.end()) {
    throw Error(ExitCode::kBadInput, folder + ": --step " + std::to_string(*step) + ": there is " + StepsText(steps));
  }
  const auto require = [&](const std::string& name) {
    if (found->second.count(name) == 0) {
      throw Error(ExitCode::kBadInput, folder + ": " + name + " is missing; steps here: " + StepsText(steps) +
                                           " (--step takes another than the newest)");
    }
    return (fs::path(folder) / name).string();
  };
  FlaxFiles files;
  files.replicated = require(kReplicated + std::to_string(found->first));
  uint64_t processes = 0;
  for (const auto& [name, parsed] : found->second) {
    if (processes != 0 && parsed.processes != 0 && parsed.processes != processes) {
      throw Error(ExitCode::kBadInput, folder + ": " + name + ": one of " + std::to_string(parsed.processes) +
                                           " shards, and others of " + std::to_string(processes));
    }
    processes = std::max(processes, parsed.processes);
  }
  for (uint64_t p = 0; p < processes; ++p) files.shards.push_back(require(ShardName(p, processes, found->first)));
  return files;
}

ArrayMap ReadFlaxCheckpoint(const FlaxFiles& files) { return Merger(files).Merge(); }

}  // namespace smx::tools
