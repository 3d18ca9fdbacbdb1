#ifndef SMX_BACKENDS_PACKED_PACKED_STORE_H_
#define SMX_BACKENDS_PACKED_PACKED_STORE_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "backends/packed/packed_file.h"
#include "backends/packed/packed_heap.h"
#include "base/fixed_array.h"
#include "base/mapped_file.h"
#include "base/shared_slot.h"
#include "kernels/product.h"
#include "smx/platform.h"
#include "smx/status.h"

namespace smx {

/// Packed weights, on the heap or in a mapped cache. Lives as long as its store; `data` stays once it is shared.
struct PackedBlock {
  enum class State : uint8_t {
    kReady,
    kUnproved,  // in a cache; nobody has asked yet whether the kernels would read so many bytes
    kDropped,   // they would not
  };

  PackedKey key;
  size_t bytes;  // that the kernels read
  uint8_t* data;
  State state;
  bool is_mapped;
  bool is_shared;  // other sessions may run with it
  PackedBlock* next_in_bucket;
  std::unique_ptr<PackedBlock> next;  // in the order of their making, which is the one of their use
};

/// The weights of one model in the order that kernels read; each is packed once, or found in the weights
/// cache. Used under the lock of the slot that it lies in, except that packed weights are read at any time.
class PackedStore : public SharedSlot::Content {
 public:
  explicit PackedStore(const WeightsFile& file) : file_(file) {}
  ~PackedStore() override;

  /// Maps the cache, if there is one; its weights are unproved. One that is stale or damaged is ignored with a word in
  /// the log. Called once, first.
  ///
  /// @retval kOutOfMemory
  Status OpenCache(const PackedFingerprint& fingerprint, const Log& log);

  PackedKey KeyOf(const ProductWeights& weights, PackedKey::Order order) const;

  /// Null when nobody has packed them yet.
  PackedBlock* Find(const PackedKey& key) const;

  /// Whether an unproved block has the bytes that the kernels read; it is ready then. Else it is dropped, with a word
  /// in the log.
  static bool Prove(PackedBlock* block, size_t bytes_read, const Log& log);

  /// The ready block of `key`, whose `bytes` pack(room) writes unless somebody packed them before. The room is zeros.
  ///
  /// @retval kOutOfMemory
  template <typename Pack>
  Status FindOrPack(const PackedKey& key, size_t bytes, const Log& log, const Pack& pack, const PackedBlock** found);

  /// Room for `size` bytes that are going to be packed; null without memory. Room that was reserved before and not
  /// inserted, because creating an operator failed, is given back.
  void* Reserve(size_t size);

  /// The reserved room holds the weights of `key` now. The pages of the model's file that they were read from are
  /// released.
  PackedBlock* Insert(const PackedKey& key);

  /// End of a session's creation. What it has packed is written to the cache, together with all that was there, and
  /// mapped in place of the copy on the heap. Where that cannot be, a word in the log says why, and weights stay there.
  ///
  /// @retval kOutOfMemory
  Status FinishCreation(const Log& log);

  /// Of weights that are packed or proved; with what the library reads behind them.
  size_t bytes() const;
  size_t mapped_bytes() const;

 private:
  struct Mapping {
    MappedFile file;
    std::unique_ptr<Mapping> next;
  };

  // A model has a few hundred products.
  static constexpr size_t kNumBuckets = 1024;
  static size_t BucketOf(const PackedKey& key);

  void GiveBackReserved();
  void Append(std::unique_ptr<PackedBlock> block);
  Status AddEntries(const FixedArray<PackedFileEntry>& entries);
  Status MapCache(const Log& log);
  Status WriteCache(const Log& log);
  void MoveToMapping(const FixedArray<PackedFileEntry>& entries);
  Status KeepMapping(MappedFile mapping);
  const uint8_t* MappedBytes() const { return mappings_->file.bytes().data(); }

  const WeightsFile file_;
  PackedFingerprint fingerprint_ = {};
  bool may_write_ = false;
  bool has_new_ = false;  // since the last FinishCreation
  PackedHeap heap_;
  PackedBlock* buckets_[kNumBuckets] = {};
  std::unique_ptr<PackedBlock> first_, reserved_;
  PackedBlock* last_ = nullptr;
  std::unique_ptr<Mapping> mappings_;  // the newest first; running sessions read from all of them
};

template <typename Pack>
Status PackedStore::FindOrPack(const PackedKey& key, size_t bytes, const Log& log, const Pack& pack,
                               const PackedBlock** found) {
  PackedBlock* block = Find(key);
  if (block == nullptr || !Prove(block, bytes, log)) {
    auto* const room = static_cast<uint8_t*>(Reserve(bytes));
    if (room == nullptr) return Status::kOutOfMemory;
    pack(room);
    block = Insert(key);
  }
  *found = block;
  return Status::kOk;
}

}  // namespace smx

#endif  // SMX_BACKENDS_PACKED_PACKED_STORE_H_
