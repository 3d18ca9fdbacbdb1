// libFuzzer's way into the target that this executable was compiled for.

#include "fuzz/targets.h"

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv);
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

int LLVMFuzzerInitialize(int*, char***) {
  for (const smx::fuzz::Target& target : smx::fuzz::Targets()) {
    if (target.run == smx::fuzz::SMX_FUZZ_TARGET && target.prepare != nullptr) target.prepare();
  }
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  smx::fuzz::SMX_FUZZ_TARGET(data, size);
  return 0;
}
