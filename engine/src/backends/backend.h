#ifndef SMX_BACKENDS_BACKEND_H_
#define SMX_BACKENDS_BACKEND_H_

#include <cstddef>
#include <cstdint>

#include "base/shared_slot.h"
#include "kernels/kernel_table.h"
#include "smx/options.h"
#include "smx/platform.h"
#include "smx/status.h"

#if SMX_WITH_XNNPACK
#include "backends/pthreadpool/thread_pool.h"
#include "backends/xnnpack/packed_weights.h"
#endif

namespace smx {

/// What the products of one session share: kernels, threads, packed weights, and the count of their work.
struct Backend {
  /// Starts the threads and puts every kind of library product that is going to be used to the test. A library whose
  /// product is wrong is not used: the log says so, and name() says "reference". `shared` belongs to the model, keeps
  /// its packed weights for all sessions, and is locked from here until FinishCreation or the end of this object.
  ///
  /// @retval kOutOfMemory, kBackendFailure
  Status Create(const Options& options, bool has_int8_products, SharedSlot* shared);

  /// All products are created; from now on they run.
  void FinishCreation();

  const char* name() const { return use_xnnpack ? "xnnpack" : "reference"; }

  KernelTable kernels;
  bool use_xnnpack = false;
  uint64_t macs = 0;        // multiply-adds of products since somebody set it to 0
  size_t packed_bytes = 0;  // of the model's packed weights when creation was finished
  Log log;
#if SMX_WITH_XNNPACK
  ThreadPool threads;
  PackedWeights packed;
  std::unique_lock<std::mutex> lock;  // of `shared`
#endif
};

/// Entries behind int8 rows and their quantization that a library may read; the same in every build, so that an arena
/// is.
inline constexpr size_t kExtraInputBytes = 128;
inline constexpr size_t kExtraInputRows = 16;

}  // namespace smx

#endif  // SMX_BACKENDS_BACKEND_H_
