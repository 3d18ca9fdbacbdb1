#include "layers/moe.h"

#include <algorithm>

#include "base/log.h"
#include "layers/router.h"

namespace smx {

struct Moe::Pass {
  const RunContext& run;
  RoutingShape shape;
  ConstMatF x;
  MatF out;
  MatF logits, probs;        // [tokens, num_experts]
  int32_t* scratch;          // see router.h
  Choice* choices;           // [tokens, num_selected_experts], where tokens choose
  int32_t* queue_tokens;     // [num_groups, num_experts, expert_capacity]
  float* queue_weights;      // the same
  MatF computed;             // [expert_capacity, d_model]
  ProductInput loaded;       // of x the rows that somebody reads
  size_t rows_computed = 0;  // pairs of an expert and a token
  size_t rows_present = 0;
};

void Moe::Prepare(const MoeWeights& weights, const PrepareContext& context) {
  weights_ = &weights;
  Plan* plan = context.plan;
  const MoeConfig& moe = context.config.moe;
  const size_t tokens = context.max_rows();
  const RoutingRoom room = RoomForRouting(context.config, context.batch_size, context.max_tokens);
  const Checked value = sizeof(float);
  const Checked all_probs = Checked(tokens) * Checked(moe.num_experts) * value;
  const Checked all_places = Checked(moe.num_experts) * Checked(room.places_per_expert) * value;
  const Checked expert_rows = Checked(room.expert_capacity) * Checked(context.config.d_model) * value;

  plan->BeginStage("router");
  router_logits_ = plan->Acquire("router_logits", all_probs);
  router_probs_ = plan->Acquire("router_probs", all_probs);
  plan->NextStep();
  const size_t queue_lengths = moe.tokens_choose ? moe.num_experts : 0;
  scratch_ = plan->Acquire("router_order", (Checked(tokens) + Checked(queue_lengths)) * value);
  if (moe.tokens_choose) {
    const Checked num_choices = Checked(tokens) * Checked(moe.num_selected_experts);
    choices_ = plan->Acquire("dispatch_indices", num_choices * Checked(sizeof(Choice)));
  }
  queue_tokens_ = plan->Acquire("queue_tokens", all_places);
  queue_weights_ = plan->Acquire("queue_weights", all_places);
  for (const BufferId id : {router_logits_, router_probs_, scratch_, choices_}) plan->Release(id);
  plan->NextStep();
  plan->BeginStage("experts");
  const FeedForwardWeights& expert = weights.experts[0];  // all have the same shape
  x_room_.Acquire(expert.intermediate, tokens, plan);
  computed_ = plan->Acquire("expert_output", expert_rows);
  plan->NextStep();
  room_.PrepareForGather(expert, room.expert_capacity, plan);
  plan->NextStep();
  for (const BufferId id : {queue_tokens_, queue_weights_, computed_}) plan->Release(id);
  x_room_.Release(plan);
}

Status Moe::Create(const PrepareContext& context, Backend* backend) {
  const RoutingRoom room = RoomForRouting(context.config, context.batch_size, context.max_tokens);
  SMX_TRY(experts_.Allocate(weights_->experts.size()));
  for (size_t e = 0; e < experts_.size(); ++e) {
    SMX_TRY(experts_[e].Create(weights_->experts[e], room.expert_capacity, backend));
  }
  return KeepWithinBudget(backend);
}

/// All experts of all layers run one after the other, again and again, so the one that was used last is the one that is
/// needed last: the first experts stay, as many as fit in beside two, the one that runs and the next one.
Status Moe::KeepWithinBudget(Backend* backend) {
  num_kept_ = experts_.size();
  const size_t budget = backend->experts_budget_bytes;
  if (budget == 0) return Status::kOk;
  if (!experts_[0].is_packed()) {
    return Fail(backend->log, Status::kUnsupported,
                "experts_budget_bytes %zu: experts with kernels of type F32 are not released; quantize all of them",
                budget);
  }
  const size_t expert_bytes = experts_[0].PackedBytes();  // all have the same shape
  if (budget / 2 < expert_bytes) {
    return Fail(backend->log, Status::kInvalidArgument,
                "experts_budget_bytes %zu: an expert has %zu bytes, and two must fit in", budget, expert_bytes);
  }
  const size_t taken_bytes = 2 * expert_bytes + backend->experts_kept_bytes;
  num_kept_ = std::min(experts_.size(), (budget - std::min(budget, taken_bytes)) / expert_bytes);
  backend->experts_kept_bytes += num_kept_ * expert_bytes;
  return Status::kOk;
}

void Moe::RunRouter(const Pass& pass) {
  const MoeConfig& moe = pass.run.config.moe;
  const KernelTable& kernels = pass.run.backend->kernels;
  const RouterFn router = moe.bfloat16_router ? kernels.router_bf16 : kernels.router_f32;
  pass.run.backend->SplitRows(pass.x.rows, pass.x.cols, [&](size_t first, size_t count) {
    router(pass.x.Rows(first, count), weights_->router_kernel, weights_->router_bias, pass.logits.Rows(first, count),
           pass.probs.Rows(first, count));
  });
  pass.run.backend->macs += uint64_t{pass.x.rows} * pass.x.cols * experts_.size();

  const size_t tokens = pass.shape.tokens_per_group;
  const size_t places = experts_.size() * pass.shape.expert_capacity;
  for (size_t group = 0; group < pass.shape.num_groups; ++group) {
    const ConstMatF probs = pass.probs.Rows(group * tokens, tokens);
    const ExpertQueues queues = {pass.shape.expert_capacity, pass.queue_tokens + group * places,
                                 pass.queue_weights + group * places};
    if (moe.tokens_choose) {
      TokensChoose(probs, moe, pass.scratch, pass.choices + group * tokens * moe.num_selected_experts, queues);
    } else {
      ExpertsChoose(probs, pass.scratch, queues);
    }
  }
}

void Moe::ObserveRouter(const Pass& pass, int layer) const {
  const MoeConfig& moe = pass.run.config.moe;
  const size_t groups = pass.shape.num_groups;
  const size_t tokens = pass.shape.tokens_per_group;
  const size_t router_shape[] = {groups, tokens, experts_.size()};
  Observe(pass.run, "router_logits", layer, router_shape, pass.logits.data);
  Observe(pass.run, "router_probs", layer, router_shape, pass.probs.data);
  const size_t queues_shape[] = {groups, experts_.size(), pass.shape.expert_capacity};
  Observe(pass.run, "combine_weights", layer, queues_shape, pass.queue_weights, pass.queue_tokens);
  if (!moe.tokens_choose) return;
  const size_t choices_shape[] = {groups, tokens, moe.num_selected_experts, 2};
  static_assert(sizeof(Choice) == 2 * sizeof(int32_t));
  Observe(pass.run, "dispatch_indices", layer, choices_shape, nullptr, reinterpret_cast<const int32_t*>(pass.choices));
}

/// Only the rows that somebody reads, those that `out` has, which take the queue's first places; an expert without such
/// a row is not run.
Status Moe::RunQueue(size_t queue, FeedForward* expert, Pass* pass) {
  const size_t capacity = pass->shape.expert_capacity;
  const size_t first_row = queue / experts_.size() * pass->shape.tokens_per_group;
  int32_t* const rows = pass->queue_tokens + queue * capacity;
  float* const weights = pass->queue_weights + queue * capacity;
  size_t num_live = 0;
  for (size_t place = 0; place < capacity && rows[place] != kNoToken; ++place) {
    ++pass->rows_present;
    const size_t row = first_row + static_cast<size_t>(rows[place]);
    if (row >= pass->out.rows) continue;
    rows[num_live] = static_cast<int32_t>(row);
    weights[num_live++] = weights[place];
  }
  if (num_live == 0) return Status::kOk;
  pass->rows_computed += num_live;
  const MatF computed = pass->computed.Rows(0, num_live);
  SMX_TRY(expert->RunGathered(pass->run, room_, pass->loaded, rows, computed));
  pass->run.backend->kernels.scatter_add_rows(computed, rows, weights, pass->out);
  return Status::kOk;
}

/// The reference lays the queues of all groups out flat, [groups, experts], and cuts them into equal runs, one for each
/// expert: so with several groups most tokens go to another expert than the one that took them. Models that were
/// trained so need it (reference_group_order).
size_t Moe::ExpertOf(size_t queue, const Pass& pass) const {
  return pass.run.config.moe.reference_group_order ? queue / pass.shape.num_groups : queue % experts_.size();
}

/// Rows are quantized once, however many experts take them. Experts that do not stay in memory are asked for while the
/// one before them runs, and released behind their queue.
Status Moe::RunExperts(Pass* pass) {
  pass->loaded = x_room_.Load(*pass->run.backend, pass->run.arena, pass->x.Rows(0, pass->out.rows));
  for (size_t r = 0; r < pass->out.rows; ++r) std::fill_n(pass->out.Row(r), pass->out.cols, 0.0f);
  const size_t num_groups = pass->shape.num_groups;
  const size_t num_queues = num_groups * experts_.size();
  for (size_t queue = 0; queue < num_queues; ++queue) {
    const size_t expert = ExpertOf(queue, *pass);
    const size_t next = queue + 1 < num_queues ? ExpertOf(queue + 1, *pass) : expert;
    if (next != expert && next >= num_kept_) experts_[next].PrefetchWeights();
    SMX_TRY(RunQueue(queue, &experts_[expert], pass));
    const bool runs_again = next == expert && queue + 1 < num_queues;
    if (expert >= num_kept_ && !runs_again) experts_[expert].ReleaseWeights();
  }
  return Status::kOk;
}

Status Moe::Run(const RunContext& run, int layer, ConstMatF x, MatF out) {
  const size_t num_experts = experts_.size();
  const RoutingShape shape = ShapeOfRouting(run.config, x.rows);
  Pass pass = {run,
               shape,
               x,
               out,
               DenseMat(run.arena.Get<float>(router_logits_), x.rows, num_experts),
               DenseMat(run.arena.Get<float>(router_probs_), x.rows, num_experts),
               run.arena.Get<int32_t>(scratch_),
               run.config.moe.tokens_choose ? run.arena.Get<Choice>(choices_) : nullptr,
               run.arena.Get<int32_t>(queue_tokens_),
               run.arena.Get<float>(queue_weights_),
               DenseMat(run.arena.Get<float>(computed_), shape.expert_capacity, x.cols),
               /*loaded=*/{}};
  if (num_kept_ < num_experts) experts_[num_kept_].PrefetchWeights();
  RunRouter(pass);
  run.EndStage(x.rows, x.rows, uint64_t{x.rows} * x.cols * num_experts);
  ObserveRouter(pass, layer);
  SMX_TRY(RunExperts(&pass));
  run.EndStage(pass.rows_computed, pass.rows_present, experts_[0].Macs(pass.rows_present));
  return Status::kOk;
}

}  // namespace smx
