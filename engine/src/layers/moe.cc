#include "layers/moe.h"

#include <algorithm>
#include <cstring>

#include "layers/router.h"

namespace smx {

struct Moe::Group {
  size_t capacity;
  MatF logits, probs;         // [tokens, num_experts]
  int32_t* order;             // [tokens]
  int32_t* dispatch_indices;  // [num_experts, capacity]
  float* combine_weights;     // [num_experts, capacity]
  MatF gathered, computed;    // [capacity, d_model]
};

size_t Moe::GroupTokens(const ModelConfig& config, size_t batch_size, size_t seq_len) {
  return config.batch_routing_group ? batch_size * seq_len : seq_len;
}

void Moe::Prepare(const MoeWeights& weights, const PrepareContext& context) {
  weights_ = &weights;
  Plan* plan = context.plan;
  const MoeConfig& moe = context.config.moe;
  const size_t tokens = GroupTokens(context.config, context.batch_size, context.max_tokens);
  const size_t capacity = ExpertCapacity(moe, tokens);
  const size_t groups = context.max_rows() / tokens;
  const Checked value = sizeof(float);
  const Checked all_probs = Checked(context.max_rows()) * Checked(moe.num_experts) * value;
  const Checked all_slots = Checked(groups) * Checked(moe.num_experts) * Checked(capacity) * value;
  const Checked expert_rows = Checked(capacity) * Checked(context.config.d_model) * value;

  router_logits_ = plan->Acquire("router_logits", all_probs);
  router_probs_ = plan->Acquire("router_probs", all_probs);
  plan->NextStep();
  order_ = plan->Acquire("router_order", Checked(tokens) * value);
  dispatch_indices_ = plan->Acquire("dispatch_indices", all_slots);
  combine_weights_ = plan->Acquire("combine_weights", all_slots);
  plan->NextStep();
  gathered_ = plan->Acquire("gathered_rows", expert_rows);
  plan->NextStep();
  room_.Prepare(weights.experts[0], capacity, plan);
  computed_ = plan->Acquire("expert_output", expert_rows);
  plan->NextStep();
  for (const BufferId id :
       {router_logits_, router_probs_, order_, dispatch_indices_, combine_weights_, gathered_, computed_}) {
    plan->Release(id);
  }
}

Status Moe::Create(const PrepareContext& context, Backend* backend) {
  const size_t tokens = GroupTokens(context.config, context.batch_size, context.max_tokens);
  const size_t capacity = ExpertCapacity(context.config.moe, tokens);
  SMX_TRY(experts_.Allocate(weights_->experts.size()));
  for (size_t e = 0; e < experts_.size(); ++e) {
    SMX_TRY(experts_[e].Create(weights_->experts[e], capacity, backend));
  }
  return Status::kOk;
}

Status Moe::RunExpert(const RunContext& run, const Group& group, size_t expert, ConstMatF x, MatF out) {
  const int32_t* tokens = group.dispatch_indices + expert * group.capacity;
  const float* weights = group.combine_weights + expert * group.capacity;
  for (size_t c = 0; c < group.capacity; ++c) {
    std::memcpy(group.gathered.Row(c), x.Row(static_cast<size_t>(tokens[c])), x.cols * sizeof(float));
  }
  SMX_TRY(experts_[expert].Run(run, room_, group.gathered, group.computed));
  for (size_t c = 0; c < group.capacity; ++c) {
    float* row = out.Row(static_cast<size_t>(tokens[c]));
    for (size_t i = 0; i < out.cols; ++i) row[i] += weights[c] * group.computed.Row(c)[i];
  }
  return Status::kOk;
}

Status Moe::RunGroup(const RunContext& run, const Group& group, ConstMatF x, MatF out) {
  const size_t num_experts = experts_.size();
  ProductWeights router;
  router.inputs = x.cols;
  router.outputs = num_experts;
  router.stride = num_experts;
  router.kernel = weights_->router_kernel;
  router.bias = weights_->router_bias;
  run.backend->kernels.product_f32(x, router, group.logits);
  run.backend->macs += uint64_t{x.rows} * x.cols * num_experts;
  std::copy_n(group.logits.data, x.rows * num_experts, group.probs.data);
  run.backend->kernels.softmax(group.probs);
  ExpertsChoose(group.probs, group.capacity, group.order, group.dispatch_indices, group.combine_weights);
  for (size_t r = 0; r < out.rows; ++r) std::fill_n(out.Row(r), out.cols, 0.0f);
  for (size_t e = 0; e < num_experts; ++e) SMX_TRY(RunExpert(run, group, e, x, out));
  return Status::kOk;
}

Status Moe::Run(const RunContext& run, int layer, ConstMatF x, MatF out) {
  const size_t tokens = GroupTokens(run.config, run.batch_size, run.seq_len);
  const size_t num_groups = run.rows() / tokens;
  const size_t num_experts = experts_.size();
  const size_t capacity = ExpertCapacity(run.config.moe, tokens);
  float* logits = run.arena.Get<float>(router_logits_);
  float* probs = run.arena.Get<float>(router_probs_);
  int32_t* dispatch_indices = run.arena.Get<int32_t>(dispatch_indices_);
  float* combine_weights = run.arena.Get<float>(combine_weights_);
  for (size_t g = 0; g < num_groups; ++g) {
    const size_t first_slot = g * num_experts * capacity;
    const Group group = {capacity,
                         DenseMat(logits + g * tokens * num_experts, tokens, num_experts),
                         DenseMat(probs + g * tokens * num_experts, tokens, num_experts),
                         run.arena.Get<int32_t>(order_),
                         dispatch_indices + first_slot,
                         combine_weights + first_slot,
                         DenseMat(run.arena.Get<float>(gathered_), capacity, x.cols),
                         DenseMat(run.arena.Get<float>(computed_), capacity, x.cols)};
    SMX_TRY(RunGroup(run, group, x.Rows(g * tokens, tokens), out.Rows(g * tokens, tokens)));
  }
  const size_t router_shape[] = {num_groups, tokens, num_experts};
  Observe(run, "router_logits", layer, router_shape, logits);
  Observe(run, "router_probs", layer, router_shape, probs);
  const size_t combine_shape[] = {num_groups, num_experts, capacity};
  Observe(run, "combine_weights", layer, combine_shape, combine_weights, dispatch_indices);
  return Status::kOk;
}

}  // namespace smx
