#include <algorithm>
#include <cinttypes>

#include "base/checked_math.h"
#include "base/log.h"
#include "file_format.h"
#include "model/check.h"

namespace smx {
namespace {

bool LiesBefore(const TensorExtent& a, const TensorExtent& b) {
  if (a.segment != b.segment) return a.segment < b.segment;
  return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
}

/// `extents` are those of segment `index`, in order.
Status CheckSegment(Span<const TensorExtent> extents, uint32_t index, uint64_t segment_bytes, const Log& log) {
  uint64_t end = 0;
  for (const TensorExtent& extent : extents) {
    const Checked begin = Checked(end).AlignedUp(schema::kTensorAlignment);
    if (!begin.ok() || extent.begin != begin.value()) {
      return Fail(log, Status::kInvalidModel,
                  "tensor %s: values at %" PRIu64 " of segment %u, must follow those before them at %" PRIu64,
                  extent.tensor, extent.begin, index, begin.value());
    }
    end = extent.end;
  }
  if (end == segment_bytes) return Status::kOk;
  return Fail(log, Status::kInvalidModel, "segment %u: %" PRIu64 " bytes, its tensors end at %" PRIu64, index,
              segment_bytes, end);
}

}  // namespace

Status CheckExtents(const VerifiedFile& file, Span<TensorExtent> extents, const Log& log) {
  std::sort(extents.begin(), extents.end(), LiesBefore);
  const auto& segments = *file.model->segments();
  size_t first = 0;
  for (uint32_t i = 0; i < segments.size(); ++i) {
    size_t last = first;
    while (last < extents.size() && extents[last].segment == i) ++last;
    SMX_TRY(CheckSegment({extents.data() + first, last - first}, i, segments.Get(i)->bytes(), log));
    first = last;
  }
  return Status::kOk;
}

}  // namespace smx
