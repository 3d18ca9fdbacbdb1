#ifndef SMX_TOOLS_LIB_FORMATS_CHECKPOINT_FILES_H_
#define SMX_TOOLS_LIB_FORMATS_CHECKPOINT_FILES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "safetensors.h"

namespace smx::tools {

enum class CheckpointForm {
  kSafetensors,         // one file
  kShardedSafetensors,  // model.safetensors.index.json and the files that it names
  kFlax,                // MessagePack files of one step
};

/// What a checkpoint that the user named consists of.
struct CheckpointFiles {
  CheckpointForm form = CheckpointForm::kSafetensors;
  std::vector<std::string> files;  // of kShardedSafetensors the index first, of kFlax the replicated one
  std::string config;              // config.json beside it; of a folder: inside, or for kFlax beside the folder

  uint64_t bytes() const;  // of all files
};

/// Looks at `path`: a .safetensors file, an index, or a folder of Flax files or with model.safetensors (or its index)
/// as Hugging Face writes it. `step` chooses among the steps of Flax files, else the newest is taken. Error(kBadInput)
/// says what is missing, Error(kUnsupported) how to convert a PyTorch pickle, Error(kUsage) that there is no step to
/// choose.
CheckpointFiles FindCheckpoint(const std::string& path, std::optional<uint64_t> step);

ArrayMap ReadArrays(const CheckpointFiles& checkpoint);

}  // namespace smx::tools

#endif  // SMX_TOOLS_LIB_FORMATS_CHECKPOINT_FILES_H_
