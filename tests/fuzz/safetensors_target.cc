#include "error.h"
#include "fuzz/targets.h"
#include "safetensors.h"

namespace smx::fuzz {

void ReadSafetensors(const uint8_t* data, size_t size) {
  tools::ArrayMap arrays;
  try {
    arrays = tools::ReadSafetensors(tools::InputFile("fuzzed.safetensors", {data, data + size}));
  } catch (const tools::Error&) {
    return;
  }
  size_t bytes = 0;
  for (const auto& [name, array] : arrays) {
    bytes += array.bytes.size();
    try {
      Require(tools::ToFloat(name, array).size() == array.NumValues(), "as many floats as the shape says");
    } catch (const tools::Error&) {
    }
  }
  Require(bytes <= size, "arrays are a part of the file");
  const tools::ArrayMap again =
      tools::ReadSafetensors(tools::InputFile("written.safetensors", tools::SerializeSafetensors(arrays)));
  Require(again.size() == arrays.size(), "what is written can be read");
  for (const auto& [name, array] : arrays) {
    const auto found = again.find(name);
    Require(found != again.end() && found->second.shape == array.shape && found->second.bytes == array.bytes,
            "and is the same");
  }
}

}  // namespace smx::fuzz
