#ifndef SMX_TOOLS_LIB_SAFETENSORS_H_
#define SMX_TOOLS_LIB_SAFETENSORS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "input_file.h"

namespace smx::tools {

/// One array of a safetensors file. `bytes` are little-endian, row-major.
struct Array {
  std::string dtype;          // "F32", "F16", "BF16", "I32", "I64", "U8", ... as in the file
  std::vector<size_t> shape;  // empty for a scalar
  std::vector<uint8_t> bytes;

  size_t NumValues() const;
};

using ArrayMap = std::map<std::string, Array>;

/// "[2,3]"
std::string ShapeText(const std::vector<size_t>& shape);

/// Reads and checks a whole safetensors file. Hostile input: header size, JSON, duplicate names, dtype, shape times
/// size against the offsets, overlaps and holes are checked; a breach is an Error(kBadInput) naming file and array.
ArrayMap ReadSafetensors(const std::string& path);

ArrayMap ReadSafetensors(const InputFile& file);

/// The file's bytes for `arrays`; writing them is up to WriteWhole of output_file.h.
std::vector<uint8_t> SerializeSafetensors(const ArrayMap& arrays);

/// Values of an F32, F16 or BF16 array as float; another dtype is an Error(kBadInput) naming `name`.
std::vector<float> ToFloat(const std::string& name, const Array& array);

/// Values of an I32 array; another dtype is an Error(kBadInput) naming `name`.
std::vector<int32_t> ToInt32(const std::string& name, const Array& array);

Array FromFloat(const std::vector<float>& values, const std::vector<size_t>& shape);
Array FromInt32(const std::vector<int32_t>& values, const std::vector<size_t>& shape);
Array FromUint8(const std::vector<uint8_t>& values, const std::vector<size_t>& shape);

}  // namespace smx::tools

#endif  // SMX_TOOLS_LIB_SAFETENSORS_H_
