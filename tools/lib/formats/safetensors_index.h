#ifndef SMX_TOOLS_LIB_FORMATS_SAFETENSORS_INDEX_H_
#define SMX_TOOLS_LIB_FORMATS_SAFETENSORS_INDEX_H_

#include <map>
#include <string>

#include "safetensors.h"

namespace smx::tools {

/// model.safetensors.index.json: which file of its folder, by path, holds which array. Error(kBadInput) for what is no
/// such index, and for a file outside of the folder.
std::map<std::string, std::string> ReadSafetensorsIndex(const std::string& path);

/// The arrays of all files that an index names: exactly those that it says each has.
ArrayMap ReadShardedSafetensors(const std::string& index_path);

}  // namespace smx::tools

#endif  // SMX_TOOLS_LIB_FORMATS_SAFETENSORS_INDEX_H_
