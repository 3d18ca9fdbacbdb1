#include "backends/packed/packed_heap.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <sys/mman.h>

#include "base/fixed_array.h"

namespace smx {
namespace {

constexpr size_t kHugePageBytes = size_t{2} << 20;

// Of address space: what nobody has written to is not in memory. The last huge page of a region is, so there are few.
constexpr size_t kRegionBytes = size_t{64} << 20;

// Weights of models of a few megabytes are smaller, and a huge page is a part of such a model that counts.
constexpr size_t kSmallestInRegion = size_t{512} << 10;

#if defined(MADV_HUGEPAGE)
constexpr bool kHasRegions = sizeof(void*) == 8;
#else
constexpr bool kHasRegions = false;
#define MADV_HUGEPAGE 0
#endif

size_t RoundUp(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

bool FitsRegion(size_t bytes) { return kHasRegions && bytes >= kSmallestInRegion && bytes <= SIZE_MAX / 4; }

}  // namespace

struct PackedHeap::Region {
  uint8_t* mapping = nullptr;
  size_t mapping_bytes = 0;
  uint8_t* data = nullptr;  // the first huge page
  size_t bytes = 0;
  size_t used = 0;
  size_t written = 0;  // what was used once and may be no zeros
  size_t num_blocks = 0;
  std::unique_ptr<Region> next;

  ~Region() {
    if (mapping != nullptr) munmap(mapping, mapping_bytes);
  }

  bool Map(size_t least) {
    bytes = std::max(kRegionBytes, RoundUp(least, kHugePageBytes));
    mapping_bytes = bytes + kHugePageBytes;
    void* const mapped =
        mmap(nullptr, mapping_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) return false;
    mapping = static_cast<uint8_t*>(mapped);
    const size_t misplaced = reinterpret_cast<uintptr_t>(mapping) % kHugePageBytes;
    data = mapping + (kHugePageBytes - misplaced) % kHugePageBytes;
    madvise(data, bytes, MADV_HUGEPAGE);  // where there are none, pages stay small
    return true;
  }
};

PackedHeap::PackedHeap() = default;

PackedHeap::~PackedHeap() {
  // One by one, as a list that destroys itself recurses.
  while (first_ != nullptr) first_ = std::move(first_->next);
}

PackedHeap::Region* PackedHeap::RegionOf(const uint8_t* data) const {
  Region* region = first_.get();
  while (region != nullptr && !(data >= region->data && data < region->data + region->bytes)) {
    region = region->next.get();
  }
  return region;
}

uint8_t* PackedHeap::AllocateInRegion(size_t bytes) {
  if (first_ == nullptr || first_->bytes - first_->used < bytes) {
    auto region = MakeUnique<Region>();
    if (region == nullptr || !region->Map(bytes)) return nullptr;
    region->next = std::move(first_);
    first_ = std::move(region);
  }
  uint8_t* const block = first_->data + first_->used;
  if (first_->used < first_->written) std::memset(block, 0, std::min(bytes, first_->written - first_->used));
  first_->used += bytes;
  first_->written = std::max(first_->written, first_->used);
  ++first_->num_blocks;
  return block;
}

uint8_t* PackedHeap::Allocate(size_t bytes) {
  bytes = RoundUp(bytes, kAlignment);
  if (FitsRegion(bytes)) {
    uint8_t* const block = AllocateInRegion(bytes);
    if (block != nullptr) return block;  // else there may be room for these weights, if not for a region
  }
  auto* const block = static_cast<uint8_t*>(std::aligned_alloc(kAlignment, bytes));
  if (block != nullptr) std::memset(block, 0, bytes);
  return block;
}

void PackedHeap::Free(uint8_t* data, size_t bytes) {
  bytes = RoundUp(bytes, kAlignment);
  Region* const region = RegionOf(data);
  if (region == nullptr) return std::free(data);
  if (data + bytes == region->data + region->used) region->used -= bytes;
  if (--region->num_blocks != 0) return;
  std::unique_ptr<Region>* place = &first_;
  while (place->get() != region) place = &(*place)->next;
  *place = std::move(region->next);
}

}  // namespace smx
