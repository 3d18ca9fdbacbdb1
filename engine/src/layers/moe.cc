#include "layers/moe.h"

#include <algorithm>
#include <cstring>

#include "layers/router.h"

namespace smx {

struct Moe::Group {  // all rows of x
  size_t capacity;
  MatF logits, probs;         // [tokens, num_experts]
  int32_t* order;             // [tokens], scratch
  int32_t* dispatch_indices;  // [num_experts, capacity]
  float* combine_weights;     // [num_experts, capacity]
  MatF gathered, computed;    // [capacity, d_model]
};

void Moe::Prepare(const MoeWeights& weights, const PrepareContext& context) {
  weights_ = &weights;
  Plan* plan = context.plan;
  const MoeConfig& moe = context.config.moe;
  const size_t tokens = context.max_rows();
  const size_t capacity = ExpertCapacity(moe, tokens);
  const Checked value = sizeof(float);
  const Checked all_probs = Checked(tokens) * Checked(moe.num_experts) * value;
  const Checked all_slots = Checked(moe.num_experts) * Checked(capacity) * value;
  const Checked expert_rows = Checked(capacity) * Checked(context.config.d_model) * value;

  plan->BeginStage("router");
  router_logits_ = plan->Acquire("router_logits", all_probs);
  router_probs_ = plan->Acquire("router_probs", all_probs);
  plan->NextStep();
  order_ = plan->Acquire("router_order", Checked(tokens) * value);
  dispatch_indices_ = plan->Acquire("dispatch_indices", all_slots);
  combine_weights_ = plan->Acquire("combine_weights", all_slots);
  plan->NextStep();
  plan->BeginStage("experts");
  gathered_ = plan->Acquire("gathered_rows", expert_rows);
  computed_ = plan->Acquire("expert_output", expert_rows);
  plan->NextStep();
  room_.Prepare(weights.experts[0], capacity, plan);
  plan->NextStep();
  for (const BufferId id :
       {router_logits_, router_probs_, order_, dispatch_indices_, combine_weights_, gathered_, computed_}) {
    plan->Release(id);
  }
}

Status Moe::Create(const PrepareContext& context, Backend* backend) {
  const size_t capacity = ExpertCapacity(context.config.moe, context.max_rows());
  SMX_TRY(experts_.Allocate(weights_->experts.size()));
  for (size_t e = 0; e < experts_.size(); ++e) {
    SMX_TRY(experts_[e].Create(weights_->experts[e], capacity, backend));
  }
  return Status::kOk;
}

/// Only the rows that somebody reads, those that `out` has; an expert without such a row is not run. Returns how many
/// there were.
Result<size_t> Moe::RunExpert(const RunContext& run, const Group& group, size_t expert, ConstMatF x, MatF out) {
  const int32_t* tokens = group.dispatch_indices + expert * group.capacity;
  const float* weights = group.combine_weights + expert * group.capacity;
  int32_t* const slots = group.order;  // capacity <= tokens, and the order has done its work
  size_t num_live = 0;
  for (size_t c = 0; c < group.capacity; ++c) {
    const size_t token = static_cast<size_t>(tokens[c]);
    if (token >= out.rows) continue;
    std::memcpy(group.gathered.Row(num_live), x.Row(token), x.cols * sizeof(float));
    slots[num_live++] = static_cast<int32_t>(c);
  }
  if (num_live == 0) return num_live;
  SMX_TRY(experts_[expert].Run(run, room_, group.gathered.Rows(0, num_live), group.computed.Rows(0, num_live)));
  for (size_t i = 0; i < num_live; ++i) {
    const float weight = weights[slots[i]];
    float* row = out.Row(static_cast<size_t>(tokens[slots[i]]));
    for (size_t c = 0; c < out.cols; ++c) row[c] += weight * group.computed.Row(i)[c];
  }
  return num_live;
}

void Moe::RunRouter(const RunContext& run, const Group& group, ConstMatF x) {
  const KernelTable& kernels = run.backend->kernels;
  const RouterFn router = run.config.moe.bfloat16_router ? kernels.router_bf16 : kernels.router_f32;
  router(x, weights_->router_kernel, weights_->router_bias, group.logits, group.probs);
  run.backend->macs += uint64_t{x.rows} * x.cols * experts_.size();
  ExpertsChoose(group.probs, group.capacity, group.order, group.dispatch_indices, group.combine_weights);
}

Result<size_t> Moe::RunExperts(const RunContext& run, const Group& group, ConstMatF x, MatF out) {
  for (size_t r = 0; r < out.rows; ++r) std::fill_n(out.Row(r), out.cols, 0.0f);
  size_t num_computed = 0;
  for (size_t e = 0; e < experts_.size(); ++e) {
    SMX_ASSIGN_OR_RETURN(const size_t rows, RunExpert(run, group, e, x, out));
    num_computed += rows;
  }
  return num_computed;
}

Status Moe::Run(const RunContext& run, int layer, ConstMatF x, MatF out) {
  const size_t num_experts = experts_.size();
  const size_t capacity = ExpertCapacity(run.config.moe, x.rows);
  const Group group = {capacity,
                       DenseMat(run.arena.Get<float>(router_logits_), x.rows, num_experts),
                       DenseMat(run.arena.Get<float>(router_probs_), x.rows, num_experts),
                       run.arena.Get<int32_t>(order_),
                       run.arena.Get<int32_t>(dispatch_indices_),
                       run.arena.Get<float>(combine_weights_),
                       DenseMat(run.arena.Get<float>(gathered_), capacity, x.cols),
                       DenseMat(run.arena.Get<float>(computed_), capacity, x.cols)};
  RunRouter(run, group, x);
  run.EndStage(x.rows, x.rows, uint64_t{x.rows} * x.cols * num_experts);
  const size_t router_shape[] = {1, x.rows, num_experts};
  Observe(run, "router_logits", layer, router_shape, group.logits.data);
  Observe(run, "router_probs", layer, router_shape, group.probs.data);
  const size_t combine_shape[] = {1, num_experts, capacity};
  Observe(run, "combine_weights", layer, combine_shape, group.combine_weights, group.dispatch_indices);

  SMX_ASSIGN_OR_RETURN(const size_t num_computed, RunExperts(run, group, x, out));
  const size_t num_slots = num_experts * capacity;
  run.EndStage(num_computed, num_slots, experts_[0].Macs(num_slots));
  return Status::kOk;
}

}  // namespace smx
