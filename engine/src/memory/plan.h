#ifndef SMX_MEMORY_PLAN_H_
#define SMX_MEMORY_PLAN_H_

#include <cstddef>
#include <cstdint>

#include "base/checked_math.h"
#include "base/fixed_array.h"
#include "smx/report.h"
#include "smx/span.h"
#include "smx/status.h"

namespace smx {

/// A cache line, and more than any vector load wants.
inline constexpr size_t kBufferAlignment = 64;

/// A buffer of a Plan. Default: none.
struct BufferId {
  static constexpr uint32_t kNone = 0xffffffff;
  uint32_t index = kNone;
};

/// Which buffers a run needs, and when; from that, where each lies in the arena.
///
/// Layers walk through a run without running it: Acquire before the step that writes a buffer first, NextStep between
/// steps, Release in the step that reads it last. Place then gives buffers that are never alive together the same
/// bytes. Mistakes (too many buffers or stages, sizes beyond 64 bits) are remembered and told by Place.
class Plan {
 public:
  /// @retval kOutOfMemory
  Status Init(size_t max_buffers, size_t max_stages);

  /// From this step on, what is computed is the stage `name` of the layer, until the next stage begins.
  void BeginStage(const char* name, const StageChoice& choice = {});

  /// `name` lives for ever. Layers name the layer by SetLayer.
  BufferId Acquire(const char* name, Checked bytes);
  void Release(BufferId id);
  void NextStep() { ++step_; }
  void SetLayer(int layer) { layer_ = layer; }

  /// Largest first, each at the lowest offset that is free during its life.
  ///
  /// @retval kOutOfRange  the buffers do not fit into the address space.
  /// @retval kInternal    more buffers or stages than Init said.
  Status Place();

  const PlannedBuffer& buffer(BufferId id) const { return buffers_[id.index]; }
  Span<const PlannedBuffer> buffers() const { return {buffers_.data(), num_buffers_}; }
  /// The stages of a run in their order; only what a plan knows of them is set.
  Span<const Step> stages() const { return {stages_.data(), num_stages_}; }
  /// Valid after Place.
  size_t placed_bytes() const { return placed_bytes_; }
  /// The most bytes that are alive at one step: no placement takes fewer. Valid after Place.
  size_t lower_bound_bytes() const { return lower_bound_bytes_; }

 private:
  bool Overlap(const PlannedBuffer& a, const PlannedBuffer& b) const;
  size_t LowestFreeOffset(size_t buffer, Span<const uint32_t> placed) const;
  size_t MostBytesAlive() const;

  FixedArray<PlannedBuffer> buffers_;
  FixedArray<Step> stages_;
  size_t num_stages_ = 0;
  size_t num_buffers_ = 0;
  size_t step_ = 0;
  int layer_ = -1;
  size_t placed_bytes_ = 0;
  size_t lower_bound_bytes_ = 0;
  bool too_large_ = false;
  bool too_many_ = false;
};

}  // namespace smx

#endif  // SMX_MEMORY_PLAN_H_
