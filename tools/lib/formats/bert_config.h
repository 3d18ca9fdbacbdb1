#ifndef SMX_TOOLS_LIB_FORMATS_BERT_CONFIG_H_
#define SMX_TOOLS_LIB_FORMATS_BERT_CONFIG_H_

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "safetensors.h"

namespace smx::tools {

/// Whether a config.json is one of Hugging Face's and not one of the reference's.
bool IsHuggingFaceConfig(const nlohmann::json& root);

/// What the folder of a Hugging Face BERT says of its model.
struct BertDescription {
  nlohmann::json config;                  // config.json in the words of ours, see ReadModelConfig
  uint32_t max_position_embeddings;       // rows of the table; a text may be shorter, see below
  std::vector<std::string> unknown_keys;  // ignored; worth a warning
};

/// Reads `root`, the config.json at `path`, and beside it tokenizer.json or else vocab.txt with tokenizer_config.json,
/// and the longest text of sentence_bert_config.json. `arrays` decide whether there is a pooler and a classifier,
/// `architectures` whether it is one of tokens; without a classifier the model gives embeddings. Defaults are those of
/// transformers.
///
/// Padding is `masked`: attention hides pads as keys, everything else works row by row, and nobody reads a pad's row;
/// so the real tokens alone are the same function.
///
/// Error(kBadInput) naming key, value and rule; Error(kUnsupported) naming what is another function than is built.
BertDescription DescribeBert(const std::string& path, const nlohmann::json& root, const ArrayMap& arrays);

}  // namespace smx::tools

#endif  // SMX_TOOLS_LIB_FORMATS_BERT_CONFIG_H_
