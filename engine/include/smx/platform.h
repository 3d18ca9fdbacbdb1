#ifndef SMX_PLATFORM_H_
#define SMX_PLATFORM_H_

#include <cstdint>

namespace smx {

/// Where the engine's words for people go: one message per call, without a line feed, naming place, value and rule,
/// such as "tensor encoder/pooler/kernel: shape [32,31], the model has d_model 32". `message` lives during the call.
using LogHook = void (*)(void* context, const char* message);

/// A hook with the pointer that it is given back. The default is silent: a library never prints.
struct Log {
  LogHook hook = nullptr;
  void* context = nullptr;
};

/// Microseconds of a steady clock, from an arbitrary start.
int64_t NowMicroseconds();

/// The instruction set that the products of this process use, such as "avx512vnni" or "neon-dotprod": the best that
/// the processor and the operating system offer. Lives for ever.
const char* IsaName();

}  // namespace smx

#endif  // SMX_PLATFORM_H_
