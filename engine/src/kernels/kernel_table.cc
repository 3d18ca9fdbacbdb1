#include "kernels/kernel_table.h"

#if SMX_WITH_HIGHWAY
#include "kernels/simd/simd_kernels.h"
#endif

namespace smx {

#if SMX_WITH_HIGHWAY

KernelTable MakeKernelTable(bool fast) {
  KernelTable table;
  if (fast) UsableSimdKernels()[0].overwrite(&table);
  return table;
}

#else

KernelTable MakeKernelTable(bool) {
  static constexpr KernelTable kReference;  // named, so that compilers keep it where nobody writes
  return kReference;
}

#endif

}  // namespace smx
