#ifndef SMX_BACKENDS_XNNPACK_PACKED_WEIGHTS_H_
#define SMX_BACKENDS_XNNPACK_PACKED_WEIGHTS_H_

#include <cstddef>
#include <memory>

#include "base/shared_slot.h"
#include "kernels/product.h"
#include "smx/status.h"

struct xnn_weights_cache_provider;

namespace smx {

/// Which weights, and which part of them, were packed.
struct PackedKey {
  const void* kernel = nullptr;  // stands for the same values as long as the model lives, such as a place in its file
  size_t inputs = 0;
  size_t outputs = 0;
};

/// The weights of one model in the order that the library's kernels read; each is packed once. Used under the lock of
/// the slot that it lies in, except that packed weights are read at any time.
class PackedStore : public SharedSlot::Content {
 public:
  PackedStore() = default;
  ~PackedStore() override;

  /// Null when nobody has packed them yet.
  void* Find(const PackedKey& key) const;

  /// Room for `size` bytes that are going to be packed; null without memory. Room that was reserved before and not
  /// inserted, because creating an operator failed, is given back.
  void* Reserve(size_t size);

  /// The reserved room holds the weights of `key` now.
  void Insert(const PackedKey& key);

  size_t bytes() const { return bytes_; }

 private:
  struct Block;

  // A model has a few hundred products.
  static constexpr size_t kNumBuckets = 1024;
  static size_t BucketOf(const PackedKey& key);
  void FreeReserved();

  Block* buckets_[kNumBuckets] = {};
  Block* reserved_ = nullptr;
  size_t bytes_ = 0;
};

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
  void Finish();

  /// Of the whole store.
  size_t bytes() const;

 private:
  struct Session;
  std::unique_ptr<Session> session_;
};

}  // namespace smx

#endif  // SMX_BACKENDS_XNNPACK_PACKED_WEIGHTS_H_
