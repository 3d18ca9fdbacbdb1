#ifndef SMX_BASE_CPU_FEATURES_H_
#define SMX_BASE_CPU_FEATURES_H_

namespace smx {

/// The best instruction set for int8 products that processor and operating system offer, as IsaName() words it.
const char* BestIsaName();

/// SHA-256 instructions of x86.
bool HasShaInstructions();

/// Instruction sets of x86 that processor and operating system offer: AVX2 with BMI and FMA; AVX-512 as Ice Lake and
/// Zen 4 have it, with products of bytes (VNNI); tiles of int8 (AMX), which are asked for.
bool HasAvx2();
bool HasAvx512Vnni();
bool HasAmxInt8();

}  // namespace smx

#endif  // SMX_BASE_CPU_FEATURES_H_
