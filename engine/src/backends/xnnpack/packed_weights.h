#ifndef SMX_BACKENDS_XNNPACK_PACKED_WEIGHTS_H_
#define SMX_BACKENDS_XNNPACK_PACKED_WEIGHTS_H_

#include <cstddef>
#include <memory>

#include "backends/packed/packed_store.h"
#include "kernels/product.h"
#include "smx/status.h"

struct xnn_weights_cache_provider;

namespace smx {

/// One session's way to the store, as the library takes it.
class PackedWeights {
 public:
  PackedWeights();
  PackedWeights(const PackedWeights&) = delete;
  PackedWeights& operator=(const PackedWeights&) = delete;
  ~PackedWeights();

  /// `store` outlives this object.
  ///
  /// @retval kOutOfMemory
  Status Create(PackedStore* store);

  /// For an operator with these weights, which is created next. All are created before Finish and run after it, and are
  /// gone before this object.
  xnn_weights_cache_provider* ProviderFor(const ProductWeights& weights);

  /// The weights that were asked for last; null as long as nobody has packed them.
  const PackedBlock* block() const;

  /// While it measures nothing is found and there is no room, so to create an operator fails, after the library has
  /// said how many bytes its kernels are going to read. A block of another size is dropped, with a word in the log.
  void BeginMeasuring();
  /// False when the library has not said it.
  bool EndMeasuring(const Log& log);

  void Finish();

 private:
  struct Session;
  std::unique_ptr<Session> session_;
};

}  // namespace smx

#endif  // SMX_BACKENDS_XNNPACK_PACKED_WEIGHTS_H_
