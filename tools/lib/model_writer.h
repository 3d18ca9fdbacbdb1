#ifndef SMX_TOOLS_LIB_MODEL_WRITER_H_
#define SMX_TOOLS_LIB_MODEL_WRITER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint.h"
#include "model_config.h"
#include "tokenizer_compiler.h"

namespace smx::tools {

/// Of the weights of all dense products, experts and the word embedding; the rest is float32 in both.
enum class WeightsType { kF32, kInt8 };

/// Everything that goes into a model file.
struct ModelContent {
  ModelConfig config;
  Checkpoint checkpoint;
  std::vector<InputScales> input_scales;  // those of an int8 file
  std::optional<CompiledTokenizer> tokenizer;
  std::vector<uint8_t> source_sha256;  // 32 bytes
};

/// The bytes of a model file; the same content gives the same bytes.
std::vector<uint8_t> SerializeModel(const ModelContent& content, WeightsType type);

}  // namespace smx::tools

#endif  // SMX_TOOLS_LIB_MODEL_WRITER_H_
