#include "backends/xnnpack/packed_weights.h"

#include <cstdint>

#include <xnnpack.h>

#include "base/fixed_array.h"
#include "base/log.h"

namespace smx {

static_assert(XNN_EXTRA_BYTES <= kPackedSlackBytes);

struct PackedWeights::Session {
  xnn_weights_cache_provider provider = {};
  PackedStore* store = nullptr;
  PackedKey key = {};
  PackedBlock* block = nullptr;
  bool is_measuring = false;
  size_t measured_bytes = 0;
  bool is_finished = false;

  void* Reserve(size_t size) {
    if (!is_measuring) return store->Reserve(size);
    measured_bytes = size;
    return nullptr;
  }
};

namespace {

// Weights are found by our key, not by the library's, which holds the address of the unpacked kernel: a temporary one
// may come back with other values. An "offset" is the address of a block, whose weights may move until it is shared:
// the library asks where they are each time that it reshapes an operator.

size_t OffsetOf(const PackedBlock* block) { return block == nullptr ? SIZE_MAX : reinterpret_cast<size_t>(block); }

// NOLINTNEXTLINE(performance-no-int-to-ptr): the library speaks of offsets
void* AddressOf(void*, size_t offset) { return reinterpret_cast<const PackedBlock*>(offset)->data; }

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
    return session.is_measuring ? SIZE_MAX : OffsetOf(session.block);
  };
  provider.reserve_space = [](void* context, size_t n) { return static_cast<Session*>(context)->Reserve(n); };
  provider.look_up_or_insert = [](void* context, const xnn_weights_cache_look_up_key*, void*, size_t) {
    Session& session = *static_cast<Session*>(context);
    session.block = session.store->Insert(session.key);
    return OffsetOf(session.block);
  };
  provider.is_finalized = [](void* context) { return static_cast<Session*>(context)->is_finished; };
  provider.offset_to_addr = AddressOf;
  provider.delete_cache = KeepCache;
  return Status::kOk;
}

xnn_weights_cache_provider* PackedWeights::ProviderFor(const ProductWeights& weights) {
  session_->key = session_->store->KeyOf(weights, PackedKey::kXnnpack);
  session_->block = session_->store->Find(session_->key);
  return &session_->provider;
}

const PackedBlock* PackedWeights::block() const { return session_->block; }

void PackedWeights::BeginMeasuring() {
  session_->is_measuring = true;
  session_->measured_bytes = 0;
}

bool PackedWeights::EndMeasuring(const Log& log) {
  session_->is_measuring = false;
  if (!PackedStore::Prove(session_->block, session_->measured_bytes, log)) session_->block = nullptr;
  return session_->measured_bytes != 0;
}

void PackedWeights::Finish() { session_->is_finished = true; }

}  // namespace smx
