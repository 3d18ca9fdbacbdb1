#ifndef SMX_BACKENDS_PACKED_PACKED_HEAP_H_
#define SMX_BACKENDS_PACKED_PACKED_HEAP_H_

#include <cstddef>
#include <cstdint>
#include <memory>

namespace smx {

/// Memory for packed weights. Large ones lie side by side on huge pages where the system has
/// them: whoever streams through small pages waits for the translation of every one.
class PackedHeap {
 public:
  static constexpr size_t kAlignment = 64;

  PackedHeap();
  PackedHeap(const PackedHeap&) = delete;
  PackedHeap& operator=(const PackedHeap&) = delete;
  ~PackedHeap();

  /// Zeros, aligned to kAlignment; null without memory.
  uint8_t* Allocate(size_t bytes);

  /// What Allocate gave. What was given last is there for the next again, else memory goes back with the last weights
  /// of its neighbourhood.
  void Free(uint8_t* data, size_t bytes);

 private:
  struct Region;

  Region* RegionOf(const uint8_t* data) const;
  uint8_t* AllocateInRegion(size_t bytes);

  std::unique_ptr<Region> first_;  // the newest, which is the one with room
};

}  // namespace smx

#endif  // SMX_BACKENDS_PACKED_PACKED_HEAP_H_
