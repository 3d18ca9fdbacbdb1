#include "error.h"
#include "formats/flax_file.h"
#include "fuzz/targets.h"

namespace smx::fuzz {

void ReadFlax(const uint8_t* data, size_t size) {
  try {
    const tools::FlaxFile file(tools::InputFile("fuzzed", {data, data + size}));
    for (const auto& item : file.arrays()) {
      const tools::FlaxArray& array = item.second;
      uint64_t count = 1;
      for (const size_t extent : array.shape) count *= extent;
      Require(array.bytes <= size, "an array is a part of the file");
      Require(file.Read(array).size() == array.bytes, "and can be read");
      Require(count == 0 ? array.bytes == 0 : array.bytes % count == 0, "with as many values as its shape says");
    }
  } catch (const tools::Error&) {
  }
}

}  // namespace smx::fuzz
