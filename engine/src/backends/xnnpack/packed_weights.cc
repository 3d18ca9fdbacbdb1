#include "backends/xnnpack/packed_weights.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <xnnpack.h>

#include "base/fixed_array.h"

namespace smx {
namespace {

constexpr size_t kAlignment = 64;

bool operator==(const PackedKey& a, const PackedKey& b) {
  return a.kernel == b.kernel && a.inputs == b.inputs && a.outputs == b.outputs;
}

}  // namespace

/// In front of packed weights.
struct alignas(kAlignment) PackedStore::Block {
  Block* next;  // of the same bucket
  PackedKey key;
  size_t bytes;
};

PackedStore::~PackedStore() {
  FreeReserved();
  for (Block*& bucket : buckets_) {
    while (bucket != nullptr) std::free(std::exchange(bucket, bucket->next));
  }
}

size_t PackedStore::BucketOf(const PackedKey& key) {
  const uint64_t mixed = reinterpret_cast<uintptr_t>(key.kernel) ^ (uint64_t{key.inputs} << 40) ^ key.outputs;
  return static_cast<size_t>((mixed * 0x9e3779b97f4a7c15u) >> 54);  // the 10 upper bits: kNumBuckets
}

void* PackedStore::Find(const PackedKey& key) const {
  Block* block = buckets_[BucketOf(key)];
  while (block != nullptr && !(block->key == key)) block = block->next;
  return block == nullptr ? nullptr : block + 1;
}

void PackedStore::FreeReserved() {
  if (reserved_ == nullptr) return;
  bytes_ -= reserved_->bytes;
  std::free(std::exchange(reserved_, nullptr));
}

void* PackedStore::Reserve(size_t size) {
  FreeReserved();
  if (size > SIZE_MAX / 2) return nullptr;
  const size_t total = (sizeof(Block) + size + XNN_EXTRA_BYTES + kAlignment - 1) / kAlignment * kAlignment;
  void* memory = std::aligned_alloc(kAlignment, total);
  if (memory == nullptr) return nullptr;
  std::memset(memory, 0, total);
  reserved_ = new (memory) Block{nullptr, {}, total};
  bytes_ += total;
  return reserved_ + 1;
}

void PackedStore::Insert(const PackedKey& key) {
  Block* const block = std::exchange(reserved_, nullptr);
  block->key = key;
  block->next = std::exchange(buckets_[BucketOf(key)], block);
}

struct PackedWeights::Session {
  xnn_weights_cache_provider provider = {};
  PackedStore* store = nullptr;
  PackedKey key;
  bool is_finished = false;
};

namespace {

// Weights are found by our key, not by the library's, which holds the address of the unpacked kernel: a temporary one
// may come back with other values. An "offset" is an address.

size_t OffsetOf(const void* packed) { return packed == nullptr ? SIZE_MAX : reinterpret_cast<size_t>(packed); }

// NOLINTNEXTLINE(performance-no-int-to-ptr): the library speaks of offsets
void* AddressOf(void*, size_t offset) { return reinterpret_cast<void*>(offset); }

xnn_status KeepCache(void*) { return xnn_status_success; }

}  // namespace

PackedWeights::PackedWeights() = default;
PackedWeights::~PackedWeights() = default;

Status PackedWeights::Create(PackedStore* store) {
  session_ = MakeUnique<Session>();
  if (session_ == nullptr) return Status::kOutOfMemory;
  session_->store = store;
  xnn_weights_cache_provider& provider = session_->provider;
  provider.context = session_.get();
  provider.look_up = [](void* context, const xnn_weights_cache_look_up_key*) {
    const Session& session = *static_cast<Session*>(context);
    return OffsetOf(session.store->Find(session.key));
  };
  provider.reserve_space = [](void* context, size_t n) { return static_cast<Session*>(context)->store->Reserve(n); };
  provider.look_up_or_insert = [](void* context, const xnn_weights_cache_look_up_key*, void* packed, size_t) {
    const Session& session = *static_cast<Session*>(context);
    session.store->Insert(session.key);
    return OffsetOf(packed);
  };
  provider.is_finalized = [](void* context) { return static_cast<Session*>(context)->is_finished; };
  provider.offset_to_addr = AddressOf;
  provider.delete_cache = KeepCache;
  return Status::kOk;
}

xnn_weights_cache_provider* PackedWeights::ProviderFor(const ProductWeights& weights) {
  const void* const identity = weights.identity == nullptr ? weights.kernel : weights.identity;
  session_->key = {identity, weights.inputs, weights.outputs};
  return &session_->provider;
}

void PackedWeights::Finish() { session_->is_finished = true; }
size_t PackedWeights::bytes() const { return session_ == nullptr ? 0 : session_->store->bytes(); }

}  // namespace smx
