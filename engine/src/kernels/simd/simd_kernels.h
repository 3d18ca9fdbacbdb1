#ifndef SMX_KERNELS_SIMD_SIMD_KERNELS_H_
#define SMX_KERNELS_SIMD_SIMD_KERNELS_H_

#include "kernels/kernel_table.h"
#include "smx/span.h"

namespace smx {

/// Kernels by Highway for one instruction set; they have the bits of the reference kernels. Any alignment, rows and
/// columns of any number.
struct SimdKernels {
  const char* isa;
  void (*overwrite)(KernelTable*);  // those that are faster than the reference's
};

/// Those that this processor can run, the best first; one at least. Only in a build with Highway.
Span<const SimdKernels> UsableSimdKernels();

}  // namespace smx

#endif  // SMX_KERNELS_SIMD_SIMD_KERNELS_H_
