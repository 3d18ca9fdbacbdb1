#include "base/cpu_features.h"

#include "smx/platform.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#elif defined(__aarch64__) || defined(__arm__)
#include <sys/auxv.h>
#endif

namespace smx {
namespace {

#if defined(__x86_64__)

struct CpuidLeaf {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
};

CpuidLeaf Cpuid(unsigned leaf, unsigned subleaf) {
  CpuidLeaf result;
  __get_cpuid_count(leaf, subleaf, &result.eax, &result.ebx, &result.ecx, &result.edx);
  return result;
}

bool Bit(unsigned word, int bit) { return ((word >> bit) & 1u) != 0; }

/// Linux hands out the tile registers on request only, to all threads of a process and for its life.
bool TilesAreGranted() {
  constexpr long kTileData = 18;
  constexpr long kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

const char* DetectIsa() {
  const CpuidLeaf leaf7_1 = Cpuid(7, 1);
  if (HasAmxInt8()) return "amx-int8";
  if (__builtin_cpu_supports("avx512vnni")) return "avx512vnni";
  if (__builtin_cpu_supports("avx2") && Bit(leaf7_1.eax, 4)) return "avxvnni";
  if (__builtin_cpu_supports("avx512bw")) return "avx512bw";
  if (__builtin_cpu_supports("avx2")) return "avx2";
  if (__builtin_cpu_supports("avx")) return "avx";
  return __builtin_cpu_supports("sse4.1") ? "sse4.1" : "sse2";
}

#elif defined(__aarch64__)

const char* DetectIsa() {
  constexpr unsigned long kDotProduct = 1ul << 20;  // HWCAP_ASIMDDP
  constexpr unsigned long kInt8Matrix = 1ul << 13;  // HWCAP2_I8MM
  if ((getauxval(AT_HWCAP2) & kInt8Matrix) != 0) return "neon-i8mm";
  if ((getauxval(AT_HWCAP) & kDotProduct) != 0) return "neon-dotprod";
  return "neon";
}

#elif defined(__arm__)

const char* DetectIsa() {
  constexpr unsigned long kNeon = 1ul << 12;        // HWCAP_NEON
  constexpr unsigned long kDotProduct = 1ul << 24;  // HWCAP_ASIMDDP
  const unsigned long features = getauxval(AT_HWCAP);
  if ((features & kDotProduct) != 0) return "neon-dotprod";
  return (features & kNeon) != 0 ? "neon" : "armv7";
}

#else

const char* DetectIsa() { return "generic"; }

#endif

}  // namespace

const char* BestIsaName() { return DetectIsa(); }

bool HasShaInstructions() {
#if defined(__x86_64__)
  return Bit(Cpuid(7, 0).ebx, 29) && __builtin_cpu_supports("sse4.1");
#else
  return false;
#endif
}

#if defined(__x86_64__)

bool HasAvx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
         __builtin_cpu_supports("fma");
}

/// What compilers may use of what Highway names AVX3_DL.
bool HasAvx512Vnni() {
  constexpr int kGfni = 8, kVaes = 9, kVpclmulqdq = 10;
  const unsigned leaf7_ecx = Cpuid(7, 0).ecx;
  return HasAvx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni") &&
         __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vbmi2") &&
         __builtin_cpu_supports("avx512bitalg") && __builtin_cpu_supports("avx512vpopcntdq") && Bit(leaf7_ecx, kGfni) &&
         Bit(leaf7_ecx, kVaes) && Bit(leaf7_ecx, kVpclmulqdq);
}

bool HasAmxInt8() {
  constexpr int kAmxInt8 = 25;
  return Bit(Cpuid(7, 0).edx, kAmxInt8) && __builtin_cpu_supports("avx512vnni") && TilesAreGranted();
}

#else

bool HasAvx2() { return false; }
bool HasAvx512Vnni() { return false; }
bool HasAmxInt8() { return false; }

#endif

const char* IsaName() { return BestIsaName(); }

}  // namespace smx
