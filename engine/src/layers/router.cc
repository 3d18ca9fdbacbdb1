#include "layers/router.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace smx {
namespace {

/// Rises with the value; unlike operator<, a strict order with NaN in it too, without which sorting may never end.
uint32_t OrderKey(float value) {
  uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof(bits));
  constexpr uint32_t kSign = 0x80000000u;
  return (bits & kSign) != 0 ? ~bits : bits | kSign;
}

}  // namespace

size_t ExpertCapacity(const MoeConfig& config, size_t num_tokens) {
  // From left to right as the reference does; nearbyint rounds half to even, the default rounding mode.
  const double exact =
      config.capacity_factor * static_cast<double>(num_tokens) / static_cast<double>(config.num_experts);
  const double rounded = std::nearbyint(std::min(exact, static_cast<double>(num_tokens)));
  return std::min(std::max(static_cast<size_t>(rounded), config.min_expert_capacity), num_tokens);
}

size_t NumRoutingGroups(const MoeConfig& config, size_t num_tokens) {
  size_t groups = std::max<size_t>(num_tokens / config.max_group_size, 1);
  while (num_tokens % groups != 0) ++groups;
  return groups;
}

void ExpertsChoose(ConstMatF probs, size_t capacity, int32_t* order, int32_t* dispatch_indices,
                   float* combine_weights) {
  for (size_t e = 0; e < probs.cols; ++e) {
    const auto probability = [&probs, e](int32_t token) { return probs.Row(static_cast<size_t>(token))[e]; };
    for (size_t t = 0; t < probs.rows; ++t) order[t] = static_cast<int32_t>(t);
    std::partial_sort(order, order + capacity, order + probs.rows, [&probability](int32_t a, int32_t b) {
      const uint32_t key_a = OrderKey(probability(a));
      const uint32_t key_b = OrderKey(probability(b));
      return key_a != key_b ? key_a > key_b : a < b;
    });
    for (size_t c = 0; c < capacity; ++c) {
      dispatch_indices[e * capacity + c] = order[c];
      combine_weights[e * capacity + c] = probability(order[c]);
    }
  }
}

}  // namespace smx
