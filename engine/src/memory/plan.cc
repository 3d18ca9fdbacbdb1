#include "memory/plan.h"

#include <algorithm>

namespace smx {
namespace {

// Half of the address space, so that offset + bytes and the slack for alignment never wrap.
constexpr uint64_t kMaxArenaBytes = SIZE_MAX / 2;

constexpr size_t kUntilTheEnd = SIZE_MAX;

}  // namespace

Status Plan::Init(size_t max_buffers, size_t max_stages) {
  num_buffers_ = 0;
  num_stages_ = 0;
  step_ = 0;
  layer_ = -1;
  SMX_TRY(stages_.Allocate(max_stages));
  return buffers_.Allocate(max_buffers);
}

void Plan::BeginStage(const char* name, const StageChoice& choice) {
  if (num_stages_ == stages_.size()) {
    too_many_ = true;
    return;
  }
  Step& stage = stages_[num_stages_++];
  stage.name = name;
  stage.choice = choice;
  stage.layer = layer_;
  stage.first_step = step_;
  stage.last_step = kUntilTheEnd;
}

BufferId Plan::Acquire(const char* name, Checked bytes) {
  if (num_buffers_ == buffers_.size()) {
    too_many_ = true;
    return {};
  }
  const Checked aligned = bytes.AlignedUp(kBufferAlignment);
  if (!aligned.AtMost(kMaxArenaBytes)) too_large_ = true;
  PlannedBuffer& buffer = buffers_[num_buffers_];
  buffer.name = name;
  buffer.layer = layer_;
  buffer.bytes = aligned.AtMost(kMaxArenaBytes) ? static_cast<size_t>(aligned.value()) : 0;
  buffer.first_step = step_;
  buffer.last_step = kUntilTheEnd;
  return BufferId{static_cast<uint32_t>(num_buffers_++)};
}

void Plan::Release(BufferId id) {
  if (id.index < num_buffers_) buffers_[id.index].last_step = step_;
}

bool Plan::Overlap(const PlannedBuffer& a, const PlannedBuffer& b) const {
  return a.first_step <= b.last_step && b.first_step <= a.last_step;
}

/// Moves up past every placed neighbour in time that is in the way, until none is.
size_t Plan::LowestFreeOffset(size_t buffer, Span<const uint32_t> placed) const {
  const PlannedBuffer& wanted = buffers_[buffer];
  size_t offset = 0;
  bool moved = true;
  while (moved) {
    moved = false;
    for (const uint32_t other_index : placed) {
      const PlannedBuffer& other = buffers_[other_index];
      const bool bytes_meet = offset < other.offset_bytes + other.bytes && other.offset_bytes < offset + wanted.bytes;
      if (!bytes_meet || !Overlap(wanted, other)) continue;
      offset = other.offset_bytes + other.bytes;
      moved = true;
    }
  }
  return offset;
}

/// The sum of bytes rises only where a buffer begins to live.
size_t Plan::MostBytesAlive() const {
  size_t most = 0;
  for (const PlannedBuffer& at : buffers()) {
    size_t alive = 0;
    for (const PlannedBuffer& other : buffers()) {
      if (other.first_step <= at.first_step && at.first_step <= other.last_step) alive += other.bytes;
    }
    most = std::max(most, alive);
  }
  return most;
}

Status Plan::Place() {
  if (too_many_) return Status::kInternal;
  if (too_large_) return Status::kOutOfRange;
  FixedArray<uint32_t> order;
  SMX_TRY(order.Allocate(num_buffers_));
  for (size_t i = 0; i < num_buffers_; ++i) {
    order[i] = static_cast<uint32_t>(i);
    buffers_[i].last_step = std::min(buffers_[i].last_step, step_);
  }
  std::sort(order.begin(), order.end(), [this](uint32_t a, uint32_t b) {
    if (buffers_[a].bytes != buffers_[b].bytes) return buffers_[a].bytes > buffers_[b].bytes;
    return a < b;
  });
  placed_bytes_ = 0;
  for (size_t i = 0; i < num_buffers_; ++i) {
    PlannedBuffer& buffer = buffers_[order[i]];
    buffer.offset_bytes = LowestFreeOffset(order[i], {order.data(), i});
    const Checked end = Checked(buffer.offset_bytes) + Checked(buffer.bytes);
    if (!end.AtMost(kMaxArenaBytes)) return Status::kOutOfRange;
    placed_bytes_ = std::max(placed_bytes_, static_cast<size_t>(end.value()));
  }
  lower_bound_bytes_ = MostBytesAlive();
  for (size_t i = 0; i < num_stages_; ++i) {
    stages_[i].last_step = i + 1 < num_stages_ ? stages_[i + 1].first_step - 1 : step_;
  }
  return Status::kOk;
}

}  // namespace smx
