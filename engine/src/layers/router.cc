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

/// The first `count` of 0 .. n - 1 by falling value(i), equal ones in their order, into order [n].
template <typename Value>
void Rank(size_t n, size_t count, int32_t* order, Value value) {
  for (size_t i = 0; i < n; ++i) order[i] = static_cast<int32_t>(i);
  std::partial_sort(order, order + count, order + n, [&value](int32_t a, int32_t b) {
    const uint32_t key_a = OrderKey(value(a));
    const uint32_t key_b = OrderKey(value(b));
    return key_a != key_b ? key_a > key_b : a < b;
  });
}

float ProbabilityOf(ConstMatF probs, int32_t token, size_t expert) {
  return probs.Row(static_cast<size_t>(token))[expert];
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

RoutingShape ShapeOfRouting(const ModelConfig& config, size_t num_tokens) {
  const size_t groups = config.batch_routing_group ? NumRoutingGroups(config.moe, num_tokens) : 1;
  const size_t tokens_per_group = num_tokens / groups;
  return {groups, tokens_per_group, ExpertCapacity(config.moe, tokens_per_group)};
}

RoutingRoom RoomForRouting(const ModelConfig& config, size_t batch_size, size_t max_tokens) {
  const size_t num_tokens = batch_size * max_tokens;
  const bool takes_one_length = !config.masked_padding && config.HasSequenceKernel();
  const bool has_one_group = !config.batch_routing_group || num_tokens / 2 < config.moe.max_group_size;
  if (takes_one_length || has_one_group) {
    const RoutingShape shape = ShapeOfRouting(config, num_tokens);
    return {shape.expert_capacity, shape.num_groups * shape.expert_capacity};
  }
  // A group has less than twice max_group_size tokens, as there are at least tokens / max_group_size groups, rounded
  // down. No expert has more places than there are tokens.
  return {ExpertCapacity(config.moe, 2 * config.moe.max_group_size - 1), num_tokens};
}

void ExpertsChoose(ConstMatF probs, int32_t* scratch, const ExpertQueues& queues) {
  const size_t capacity = queues.expert_capacity;
  for (size_t e = 0; e < probs.cols; ++e) {
    const auto probability = [&probs, e](int32_t token) { return ProbabilityOf(probs, token, e); };
    Rank(probs.rows, capacity, scratch, probability);
    for (size_t c = 0; c < capacity; ++c) {
      queues.tokens[e * capacity + c] = scratch[c];
      queues.weights[e * capacity + c] = probability(scratch[c]);
    }
  }
}

void TokensChoose(ConstMatF probs, const MoeConfig& config, int32_t* scratch, Choice* choices,
                  const ExpertQueues& queues) {
  const size_t k = config.num_selected_experts;
  for (size_t t = 0; t < probs.rows; ++t) {
    const float* token_probs = probs.Row(t);
    Rank(probs.cols, k, scratch, [token_probs](int32_t expert) { return token_probs[expert]; });
    for (size_t rank = 0; rank < k; ++rank) choices[t * k + rank].expert = scratch[rank];
  }
  const auto priority = [&](int32_t token) {
    if (!config.batch_prioritized_routing) return 0.0f;
    return ProbabilityOf(probs, token, static_cast<size_t>(choices[static_cast<size_t>(token) * k].expert));
  };
  int32_t* const order = scratch;
  int32_t* const queue_lengths = scratch + probs.rows;
  Rank(probs.rows, probs.rows, order, priority);
  std::fill_n(queue_lengths, probs.cols, 0);
  std::fill_n(queues.tokens, probs.cols * queues.expert_capacity, kNoToken);
  std::fill_n(queues.weights, probs.cols * queues.expert_capacity, 0.0f);

  for (size_t rank = 0; rank < k; ++rank) {
    for (size_t i = 0; i < probs.rows; ++i) {
      Choice& choice = choices[static_cast<size_t>(order[i]) * k + rank];
      choice.place = queue_lengths[choice.expert]++;
      const size_t expert = static_cast<size_t>(choice.expert);
      const size_t place = static_cast<size_t>(choice.place);
      if (place >= queues.expert_capacity) continue;
      queues.tokens[expert * queues.expert_capacity + place] = order[i];
      queues.weights[expert * queues.expert_capacity + place] = ProbabilityOf(probs, order[i], expert);
    }
  }
}

}  // namespace smx
