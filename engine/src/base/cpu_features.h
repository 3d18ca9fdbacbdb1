#ifndef SMX_BASE_CPU_FEATURES_H_
#define SMX_BASE_CPU_FEATURES_H_

namespace smx {

/// The best instruction set for int8 products that processor and operating system offer, as IsaName() words it.
const char* BestIsaName();

/// SHA-256 instructions of x86.
bool HasShaInstructions();

}  // namespace smx

#endif  // SMX_BASE_CPU_FEATURES_H_
