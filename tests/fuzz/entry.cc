// libFuzzer's way into the target that this executable was compiled for.

#include "fuzz/targets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  smx::fuzz::SMX_FUZZ_TARGET(data, size);
  return 0;
}
