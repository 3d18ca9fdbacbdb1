#ifndef SMX_MEMORY_ARENA_H_
#define SMX_MEMORY_ARENA_H_

#include <cstddef>
#include <cstdint>

#include "memory/plan.h"

namespace smx {

/// The caller's bytes, cut up as a plan says. Owns nothing.
class Arena {
 public:
  Arena() = default;
  /// `plan` is placed, and outlives the arena; `bytes` has ArenaBytes(plan) of them at any alignment.
  Arena(const Plan& plan, uint8_t* bytes) : plan_(&plan), base_(bytes + Padding(bytes)) {}

  /// The buffer's first value; aligned to kBufferAlignment.
  template <typename T>
  T* Get(BufferId id) const {
    return reinterpret_cast<T*>(base_ + plan_->buffer(id).offset_bytes);
  }

  /// What a caller must provide, so that an aligned base fits in wherever the bytes begin.
  static size_t RequiredBytes(const Plan& plan) { return plan.placed_bytes() + kBufferAlignment - 1; }

 private:
  static size_t Padding(const uint8_t* bytes) {
    return (kBufferAlignment - reinterpret_cast<uintptr_t>(bytes) % kBufferAlignment) % kBufferAlignment;
  }

  const Plan* plan_ = nullptr;
  uint8_t* base_ = nullptr;
};

}  // namespace smx

#endif  // SMX_MEMORY_ARENA_H_
