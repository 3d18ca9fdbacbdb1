#ifndef SMX_LAYERS_ROUTER_H_
#define SMX_LAYERS_ROUTER_H_

#include "base/mat.h"
#include "layers/context.h"

namespace smx {

/// Tokens each expert takes: RoundHalfEven(capacity_factor * num_tokens / num_experts), at least
/// min_expert_capacity. Half to even as Python's round(): 4.5 -> 4, where std::lround gives 5. Then at most num_tokens:
/// a text shorter than the least capacity has no more to give. Source: MoeLayer, sparse_mixers/layers.py; the upper
/// clamp is ours, as the reference refuses such texts.
size_t ExpertCapacity(const MoeConfig& config, size_t num_tokens);

/// Groups that the reference makes of `num_tokens` tokens: from max(num_tokens / max_group_size, 1) on, the first
/// number that divides them.
size_t NumRoutingGroups(const MoeConfig& config, size_t num_tokens);

/// Which tokens an expert computes, and with what weight.
///
///   probs             [num_tokens, num_experts], softmax over experts
///   order             [num_tokens], scratch
///   dispatch_indices  [num_experts, capacity] out: tokens in falling probability, equal ones in order of position
///   combine_weights   [num_experts, capacity] out: their probabilities, not renormalised
///
/// NaN has a place in the order too, so any input ends.
void ExpertsChoose(ConstMatF probs, size_t capacity, int32_t* order, int32_t* dispatch_indices, float* combine_weights);

}  // namespace smx

#endif  // SMX_LAYERS_ROUTER_H_
