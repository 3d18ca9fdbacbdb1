#include "formats/safetensors_index.h"

#include <filesystem>
#include <set>

#include "error.h"
#include "json_reader.h"
#include "output_file.h"

namespace smx::tools {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// Another folder's file would be read for whoever made the index, without a word.
bool IsPlainName(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos &&
         name.find('\0') == std::string::npos;
}

}  // namespace

std::map<std::string, std::string> ReadSafetensorsIndex(const std::string& path) {
  const std::vector<uint8_t> bytes = ReadWhole(path);
  const json root = ParseJson(path, bytes.data(), bytes.size(), RepeatedKeys::kRefused);
  const json weight_map = JsonReader(path, root).Required("weight_map");
  if (!weight_map.is_object() || weight_map.empty()) {
    throw Error(ExitCode::kBadInput, path + ": weight_map must be an object with a file for each array");
  }
  std::map<std::string, std::string> files;
  for (const auto& [array, file] : weight_map.items()) {
    if (!file.is_string() || !IsPlainName(file.get<std::string>())) {
      throw Error(ExitCode::kBadInput, path + ": weight_map: array " + array + ": is " + ShortText(file) +
                                           ", must be the name of a file beside the index");
    }
    files[array] = (fs::path(path).parent_path() / file.get<std::string>()).string();
  }
  return files;
}

ArrayMap ReadShardedSafetensors(const std::string& index_path) {
  const std::map<std::string, std::string> index = ReadSafetensorsIndex(index_path);
  std::set<std::string> files;
  for (const auto& item : index) files.insert(item.second);
  ArrayMap arrays;
  for (const std::string& file : files) {
    for (auto& [name, array] : ReadSafetensors(file)) {
      const auto wanted = index.find(name);
      if (wanted == index.end() || wanted->second != file) {
        throw Error(ExitCode::kBadInput, file + ": array " + name + ": the index " + index_path + " names " +
                                             (wanted == index.end() ? "no file" : wanted->second) + " for it");
      }
      arrays[name] = std::move(array);
    }
  }
  for (const auto& [name, file] : index) {
    if (arrays.count(name) == 0) {
      throw Error(ExitCode::kBadInput, file + ": array " + name + ": missing; the index " + index_path + " names it");
    }
  }
  return arrays;
}

}  // namespace smx::tools
