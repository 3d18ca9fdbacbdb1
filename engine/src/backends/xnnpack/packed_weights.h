#ifndef SMX_BACKENDS_XNNPACK_PACKED_WEIGHTS_H_
#define SMX_BACKENDS_XNNPACK_PACKED_WEIGHTS_H_

#include <cstddef>
#include <memory>

#include "smx/status.h"

struct xnn_weights_cache_provider;

namespace smx {

/// Owns the weights that operators have packed for their kernels. XNNPACK asks it for room and finds the weights again
/// through it, so their bytes are counted and lie where we decide.
class PackedWeights {
 public:
  PackedWeights();
  PackedWeights(const PackedWeights&) = delete;
  PackedWeights& operator=(const PackedWeights&) = delete;
  ~PackedWeights();

  /// @retval kOutOfMemory
  Status Create();

  /// As the library takes it. Operators are created before Finish and run after it; all are gone before this object.
  xnn_weights_cache_provider* handle() const;
  void Finish();

  size_t bytes() const;

 private:
  struct Store;
  std::unique_ptr<Store> store_;
};

}  // namespace smx

#endif  // SMX_BACKENDS_XNNPACK_PACKED_WEIGHTS_H_
