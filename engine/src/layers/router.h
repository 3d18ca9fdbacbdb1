#ifndef SMX_LAYERS_ROUTER_H_
#define SMX_LAYERS_ROUTER_H_

#include "base/mat.h"
#include "layers/context.h"

namespace smx {

/// Tokens each expert takes: RoundHalfEven(capacity_factor * num_tokens / num_experts), at least
/// min_expert_capacity. Half to even as Python's round(): 4.5 -> 4, where std::lround gives 5. Then at most num_tokens:
/// a text shorter than the least capacity has no more to give. Source: MoeLayer, sparse_mixers/layers.py; the upper
/// clamp is ours: there, experts that choose refuse such texts, and where tokens choose the places stay empty.
size_t ExpertCapacity(const MoeConfig& config, size_t num_tokens);

/// Groups that the reference makes of `num_tokens` tokens: from max(num_tokens / max_group_size, 1) on, the first
/// number that divides them. So a group may cut a text, and be longer than max_group_size.
size_t NumRoutingGroups(const MoeConfig& config, size_t num_tokens);

/// How the tokens of a run are cut into routing groups, in order, and how many an expert takes of each.
struct RoutingShape {
  size_t num_groups;
  size_t tokens_per_group;
  size_t expert_capacity;
};

/// Of `num_tokens`, a whole batch or, where each text is routed alone, one text.
RoutingShape ShapeOfRouting(const ModelConfig& config, size_t num_tokens);

/// What any run needs at most: the capacity of an expert, and its places in all groups.
struct RoutingRoom {
  size_t expert_capacity;
  size_t places_per_expert;
};

/// For `batch_size` texts of up to `max_tokens` tokens each. What is needed and no more, but where texts of any length
/// may be cut into several groups: there a shorter one may take more than the longest, and this is a bound.
RoutingRoom RoomForRouting(const ModelConfig& config, size_t batch_size, size_t max_tokens);

/// A place of an expert that no token has.
inline constexpr int32_t kNoToken = -1;

/// What a router decides for one group: per expert a queue of tokens, filled from the front, kNoToken behind them.
struct ExpertQueues {
  size_t expert_capacity;
  int32_t* tokens;  // [num_experts, expert_capacity], places in the group
  float* weights;   // the same: their probabilities, not renormalised
};

/// Each expert takes the tokens of the highest probability, best first, equal ones by position; its queue is full.
///
///   probs    [tokens, num_experts], softmax over experts; capacity <= tokens
///   scratch  [tokens]
///
/// NaN has a place in the order too, so any input ends.
void ExpertsChoose(ConstMatF probs, int32_t* scratch, const ExpertQueues& queues);

/// An expert that a token named, and the token's place in the queue there as if that had no end: from expert_capacity
/// on it was refused. As the reference's dispatch_indices have it, two numbers side by side.
struct Choice {
  int32_t expert;
  int32_t place;
};

/// Each token names its num_selected_experts best experts, of equal ones the lower. Queues take all first choices, then
/// all second ones, and so on; within a round tokens come by falling best probability with batch_prioritized_routing,
/// equal ones by position, else by position. Who comes when a queue is full is refused.
///
///   scratch  [tokens + num_experts]
///   choices  [tokens, num_selected_experts] out
///
/// Source: TokensChooseMaskedRouter and TokensChooseScatterRouter, sparse_mixers/routing.py, which agree.
void TokensChoose(ConstMatF probs, const MoeConfig& config, int32_t* scratch, Choice* choices,
                  const ExpertQueues& queues);

}  // namespace smx

#endif  // SMX_LAYERS_ROUTER_H_
