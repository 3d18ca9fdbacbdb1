#ifndef SMX_TOOLS_LIB_OUTPUT_FILE_H_
#define SMX_TOOLS_LIB_OUTPUT_FILE_H_

#include <cstdint>
#include <string>
#include <vector>

namespace smx::tools {

/// Writes `bytes` to `path` whole or not at all: into a temporary file of the same folder, flushed to the disk, then
/// renamed; an earlier file is replaced in one step or stays as it was. "-" is stdout. Error(kCannotWrite) otherwise.
void WriteWhole(const std::string& path, const std::vector<uint8_t>& bytes);

/// Error(kUsage) when `output` is the same file as `input` (by device and inode, so through links too).
void CheckNotSameFile(const std::string& output, const std::string& input);

/// All bytes of the file, or of stdin for "-"; Error(kBadInput) naming path and reason.
std::vector<uint8_t> ReadWhole(const std::string& path);

}  // namespace smx::tools

#endif  // SMX_TOOLS_LIB_OUTPUT_FILE_H_
