#include "formats/model_source.h"

#include "formats/bert_arrays.h"
#include "formats/bert_config.h"
#include "output_file.h"
#include "parse_json.h"

namespace smx::tools {

ModelSource ReadModelSource(const CheckpointFiles& files, const std::string& config_path, const ConfigFlags& flags) {
  const std::string& path = files.files[0];
  ArrayMap arrays = ReadArrays(files);
  const std::vector<uint8_t> bytes = ReadWhole(config_path);
  const nlohmann::json root = ParseJson(config_path, bytes.data(), bytes.size());
  ModelSource source;
  if (IsHuggingFaceConfig(root)) {
    const BertDescription bert = DescribeBert(config_path, root, arrays);
    source.config = ParseModelConfig(config_path, bert.config, flags);
    source.config.unknown_keys = bert.unknown_keys;
    arrays = TakeBertArrays(path, std::move(arrays), source.config, bert.max_position_embeddings);
  } else {
    source.config = ParseModelConfig(config_path, root, flags);
  }
  source.checkpoint = ReadCheckpoint(path, arrays, source.config);
  return source;
}

}  // namespace smx::tools
