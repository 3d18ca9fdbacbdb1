#ifndef SMX_TOOLS_LIB_FORMATS_MODEL_SOURCE_H_
#define SMX_TOOLS_LIB_FORMATS_MODEL_SOURCE_H_

#include <string>

#include "checkpoint.h"
#include "formats/checkpoint_files.h"
#include "model_config.h"

namespace smx::tools {

/// A trained model as a model file has it, but for the tokenizer.
struct ModelSource {
  ModelConfig config;
  Checkpoint checkpoint;
};

/// Reads a checkpoint of any form with the config.json at `config_path`, which is the reference's or that of a Hugging
/// Face BERT. Errors as ReadArrays, ReadModelConfig, DescribeBert, TakeBertArrays and ReadCheckpoint.
ModelSource ReadModelSource(const CheckpointFiles& files, const std::string& config_path, const ConfigFlags& flags);

}  // namespace smx::tools

#endif  // SMX_TOOLS_LIB_FORMATS_MODEL_SOURCE_H_
