#ifndef SMX_TOOLS_LIB_FORMATS_FLAX_CHECKPOINT_H_
#define SMX_TOOLS_LIB_FORMATS_FLAX_CHECKPOINT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "safetensors.h"

namespace smx::tools {

/// The files of one step in a folder of checkpoints as the reference saves them.
struct FlaxFiles {
  std::string replicated;           // replicated_checkpoint_N
  std::vector<std::string> shards;  // shard-PPPPP-of-PPPPP_checkpoint_N, in order of processes; none without sharding
};

/// Whether a folder holds such files.
bool HasFlaxFiles(const std::string& folder);

/// Those of `step`, or of the newest step that there is. Error(kBadInput) naming the file that is missing.
FlaxFiles FindFlaxFiles(const std::string& folder, std::optional<uint64_t> step);

/// The parameters. What only a process had, the experts, was saved once per process with an axis for its devices in
/// front: [local_devices, a, experts per device, ...] of [a, experts, ...]. Experts follow in order of processes, then
/// devices, then places. What belongs to the other kind of file is an empty array there.
///
/// Error(kBadInput) for a parameter that no file has, or two; for shards that differ in shape, dtype or step; and as
/// FlaxFile.
///
/// Source: checkpoints.py of the reference, sparse_mixers.
ArrayMap ReadFlaxCheckpoint(const FlaxFiles& files);

}  // namespace smx::tools

#endif  // SMX_TOOLS_LIB_FORMATS_FLAX_CHECKPOINT_H_
