#include "backends/xnnpack/packed_weights.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>

#include <xnnpack.h>

#include "base/fixed_array.h"

namespace smx {
namespace {

constexpr size_t kAlignment = 64;

/// In front of each packed array, so that they form a list.
struct alignas(kAlignment) Block {
  Block* next;
};

}  // namespace

struct PackedWeights::Store {
  xnn_weights_cache_provider provider = {};
  Block* blocks = nullptr;
  size_t bytes = 0;
  bool is_finished = false;

  ~Store() {
    while (blocks != nullptr) std::free(std::exchange(blocks, blocks->next));
  }

  void* Reserve(size_t size) {
    if (size > SIZE_MAX / 2) return nullptr;
    const size_t total = (sizeof(Block) + size + XNN_EXTRA_BYTES + kAlignment - 1) / kAlignment * kAlignment;
    void* memory = std::aligned_alloc(kAlignment, total);
    if (memory == nullptr) return nullptr;
    std::memset(memory, 0, total);
    blocks = new (memory) Block{blocks};
    bytes += total;
    return blocks + 1;
  }
};

namespace {

// Nothing is looked up by the unpacked kernel's address: a temporary one may come back with other values.
size_t LookUp(void*, const xnn_weights_cache_look_up_key*) { return SIZE_MAX; }

size_t Insert(void*, const xnn_weights_cache_look_up_key*, void* packed, size_t) {
  return reinterpret_cast<size_t>(packed);  // an "offset" from address 0
}

void* AddressOf(void*, size_t offset) { return reinterpret_cast<void*>(offset); }

xnn_status KeepCache(void*) { return xnn_status_success; }

}  // namespace

PackedWeights::PackedWeights() = default;
PackedWeights::~PackedWeights() = default;

Status PackedWeights::Create() {
  store_ = MakeUnique<Store>();
  if (store_ == nullptr) return Status::kOutOfMemory;
  xnn_weights_cache_provider& provider = store_->provider;
  provider.context = store_.get();
  provider.look_up = LookUp;
  provider.reserve_space = [](void* context, size_t n) { return static_cast<Store*>(context)->Reserve(n); };
  provider.look_up_or_insert = Insert;
  provider.is_finalized = [](void* context) { return static_cast<Store*>(context)->is_finished; };
  provider.offset_to_addr = AddressOf;
  provider.delete_cache = KeepCache;
  return Status::kOk;
}

xnn_weights_cache_provider* PackedWeights::handle() const { return &store_->provider; }
void PackedWeights::Finish() { store_->is_finished = true; }
size_t PackedWeights::bytes() const { return store_ == nullptr ? 0 : store_->bytes; }

}  // namespace smx
