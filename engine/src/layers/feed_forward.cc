#include "layers/feed_forward.h"

#include <algorithm>

namespace smx {
namespace {

// Many times what a kernel computes at once, so tiles cost no speed; at 4 * d_model columns still a few hundred kB.
constexpr size_t kTileRows = 96;

}  // namespace

void FeedForwardRoom::Prepare(const FeedForwardWeights& weights, size_t max_rows, Plan* plan) {
  const size_t rows = std::min(max_rows, kTileRows);
  x.Acquire(weights.intermediate, rows, plan);
  PrepareBehindInput(weights, rows, plan);
}

void FeedForwardRoom::PrepareForGather(const FeedForwardWeights& weights, size_t max_rows, Plan* plan) {
  const size_t rows = std::min(max_rows, kTileRows);
  x.AcquireForGather(weights.intermediate.type, rows, weights.intermediate.inputs, plan);
  PrepareBehindInput(weights, rows, plan);
}

void FeedForwardRoom::PrepareBehindInput(const FeedForwardWeights& weights, size_t rows, Plan* plan) {
  const size_t d_ff = weights.intermediate.outputs;
  plan->NextStep();
  intermediate = plan->Acquire("intermediate", Checked(rows) * Checked(d_ff) * Checked(sizeof(float)));
  plan->NextStep();
  x.Release(plan);
  activation.Acquire(weights.output, rows, plan);
  plan->NextStep();
  plan->Release(intermediate);
  activation.Release(plan);
}

Status FeedForward::Create(const FeedForwardWeights& weights, size_t max_rows, Backend* backend) {
  const size_t rows = std::min(max_rows, kTileRows);
  d_model_ = weights.intermediate.inputs;
  d_ff_ = weights.intermediate.outputs;
  SMX_TRY(intermediate_.Create(weights.intermediate, rows, backend));
  return output_.Create(weights.output, rows, backend);
}

void FeedForward::ReleaseWeights() const {
  intermediate_.ReleaseWeights();
  output_.ReleaseWeights();
}

void FeedForward::PrefetchWeights() const {
  intermediate_.PrefetchWeights();
  output_.PrefetchWeights();
}

Status FeedForward::RunTile(const RunContext& run, const FeedForwardRoom& room, int layer, const ProductInput& x,
                            MatF out) {
  const MatF intermediate = DenseMat(run.arena.Get<float>(room.intermediate), x.rows(), d_ff_);
  const Backend& backend = *run.backend;
  SMX_TRY(intermediate_.Multiply(x, intermediate, run.backend));
  const GeluFn gelu = run.config.gelu_erf ? backend.kernels.gelu_erf : backend.kernels.gelu;
  const ProductInput activation = room.activation.Load(backend, run.arena, intermediate, [&](MatF row) {
    intermediate_.FinishRows(backend, row);
    gelu(row);
  });
  const size_t shape[] = {1, intermediate.rows, intermediate.cols};
  if (layer != kNotObserved) Observe(run, "ff_activation", layer, shape, intermediate.data);
  return output_.Run(activation, out, run.backend);
}

/// `load(first, count)` gives rows of the input.
template <typename LoadRows>
Status FeedForward::RunTiles(const RunContext& run, const FeedForwardRoom& room, int layer, const LoadRows& load,
                             MatF out) {
  for (size_t first = 0; first < out.rows; first += kTileRows) {
    const size_t count = std::min(kTileRows, out.rows - first);
    SMX_TRY(RunTile(run, room, layer, load(first, count), out.Rows(first, count)));
  }
  return Status::kOk;
}

Status FeedForward::Run(const RunContext& run, const FeedForwardRoom& room, int layer, ConstMatF x, MatF out) {
  const auto load = [&](size_t first, size_t count) {
    return room.x.Load(*run.backend, run.arena, x.Rows(first, count));
  };
  return RunTiles(run, room, layer, load, out);
}

Status FeedForward::RunGathered(const RunContext& run, const FeedForwardRoom& room, const ProductInput& x,
                                const int32_t* rows, MatF out) {
  const auto gather = [&](size_t first, size_t count) { return room.x.Gather(run.arena, x, rows + first, count); };
  return RunTiles(run, room, kNotObserved, gather, out);
}

}  // namespace smx
