#include "layers/mixing_linear.h"

#include <algorithm>

#include "backends/fft_lengths.h"
#include "backends/kissfft/fft_mixing.h"
#include "layers/mixing_way.h"

namespace smx {
namespace {

// Below this a longer product costs next to nothing.
constexpr size_t kShortestLength = 16;

/// The powers of two from kShortestLength up that are below `longest`, then `longest`.
size_t CountLengths(size_t longest) {
  size_t count = 1;
  for (size_t length = kShortestLength; length < longest; length *= 2) ++count;
  return count;
}

size_t Length(size_t i, size_t longest) { return std::min(kShortestLength << i, longest); }

const char* StageName(MixingKind kind) {
  if (kind == MixingKind::kCirculant) return "circulant_mixing";
  return kind == MixingKind::kToeplitz ? "toeplitz_mixing" : "linear_mixing";
}

}  // namespace

/// Masked: each length with as many outputs, and with one when only the first row is read. Else: all inputs always, and
/// outputs for each length, as the real tokens may be all that is read.
Status MixingLinear::ListSizes(size_t longest, bool masked, bool all_rows_are_read) {
  const size_t lengths = masked || !all_rows_are_read ? CountLengths(longest) : 1;
  const size_t with_one_output = all_rows_are_read ? 0 : masked ? lengths : 1;
  SMX_TRY(input_kernels_.Allocate(lengths + with_one_output));
  SizedInputKernel* next = input_kernels_.begin();
  for (size_t i = 0; i < lengths; ++i) {
    const size_t length = lengths == 1 ? longest : Length(i, longest);
    const size_t inputs = masked ? length : longest;
    if (i < with_one_output) {
      next->inputs = inputs;
      next++->outputs = 1;
    }
    next->inputs = inputs;
    next++->outputs = length;
  }
  return Status::kOk;
}

Status MixingLinear::Choose(const PrepareContext& context, StageChoice* choice) {
  if (kind_ == MixingKind::kLinear) return Status::kOk;
  const ModelConfig& config = context.config;
  const MixingCost cost = ToeplitzCost(config.max_seq_len, config.d_model, kind_ == MixingKind::kCirculant);
  return ChooseMixingWay(cost, weights_->input_kernel.type, context, choice);
}

Status MixingLinear::Prepare(const LinearMixingWeights& weights, size_t layer, const PrepareContext& context,
                             BufferId* out) {
  weights_ = &weights;
  kind_ = context.config.layers[layer].mixing;
  StageChoice choice = {};
  SMX_TRY(Choose(context, &choice));
  by_fft_ = IsByFft(choice);
  Plan* plan = context.plan;
  const size_t d = context.config.d_model;
  plan->BeginStage(StageName(kind_), choice);
  // From the start: text after text goes through all the steps.
  *out = plan->Acquire("mixing_output", Checked(context.max_rows()) * Checked(d) * Checked(sizeof(float)));
  if constexpr (kHasFft) {
    if (by_fft_) {
      fft_ = plan->Acquire("mixing_fft", ToeplitzMixingBytes(context.max_tokens, d));
      plan->NextStep();
      plan->Release(fft_);
      return Status::kOk;
    }
  }
  const size_t longest = context.max_tokens;
  PlanProducts(context);
  return ListSizes(longest, context.config.masked_padding, context.fewest_rows[layer].mixing == longest);
}

void MixingLinear::PlanProducts(const PrepareContext& context) {
  Plan* plan = context.plan;
  const size_t longest = context.max_tokens;
  const size_t d = context.config.d_model;
  const Checked bytes = Checked(longest) * Checked(d) * Checked(sizeof(float));
  x_room_.Acquire(weights_->hidden_kernel.type, longest, d, plan);
  plan->NextStep();
  hidden_ = plan->Acquire("mixing_hidden", bytes);
  plan->NextStep();
  x_room_.Release(plan);
  transposed_ = plan->Acquire("mixing_transposed", bytes.AtLeast(ProductOfColumnsBytes(longest, d)));
  plan->NextStep();
  plan->Release(hidden_);
  transposed_room_.Acquire(weights_->input_kernel.type, d, longest, plan);
  plan->NextStep();
  mixed_ = plan->Acquire("mixing_mixed", bytes);
  plan->NextStep();
  plan->Release(transposed_);
  transposed_room_.Release(plan);
  plan->Release(mixed_);
}

Status MixingLinear::Create(const PrepareContext& context, Backend* backend) {
  if (by_fft_) return Status::kOk;
  SMX_TRY(hidden_kernel_.Create(weights_->hidden_kernel, context.max_tokens, backend));
  by_columns_ = HasProductOfColumns(weights_->input_kernel, *backend);
  if (by_columns_) return backend->ReserveRowSums(context.max_tokens);
  for (SizedInputKernel& sized : input_kernels_) {
    SMX_TRY(sized.product.Create(LeadingBlock(sized.inputs, sized.outputs), context.config.d_model, backend));
  }
  return Status::kOk;
}

ProductWeights MixingLinear::LeadingBlock(size_t inputs, size_t outputs) const {
  ProductWeights block = weights_->input_kernel;
  block.inputs = inputs;
  block.outputs = outputs;
  return block;
}

MixingLinear::SizedInputKernel& MixingLinear::KernelFor(size_t num_tokens, size_t num_outputs) {
  size_t i = 0;
  while (input_kernels_[i].inputs < num_tokens || input_kernels_[i].outputs < num_outputs) ++i;
  return input_kernels_[i];
}

Status MixingLinear::RunText(const RunContext& run, ConstMatF x, MatF out) {
  if constexpr (kHasFft) {
    const ToeplitzKernels toeplitz = {weights_->input_kernel, weights_->hidden_kernel, kind_ == MixingKind::kCirculant};
    if (by_fft_) return RunToeplitzMixing(x, toeplitz, run.arena.Get<uint8_t>(fft_), out);
  }
  const MatF hidden = DenseMat(run.arena.Get<float>(hidden_), x.rows, x.cols);
  SMX_TRY(hidden_kernel_.Run(x_room_.Load(*run.backend, run.arena, x), hidden, run.backend));
  if (by_columns_) {
    RunProductOfColumns(LeadingBlock(x.rows, out.rows), hidden, run.arena.Get<uint8_t>(transposed_), out, run.backend);
    return Status::kOk;
  }
  SizedInputKernel& input_kernel = KernelFor(x.rows, out.rows);
  const MatF transposed = DenseMat(run.arena.Get<float>(transposed_), x.cols, input_kernel.inputs);
  const MatF mixed = DenseMat(run.arena.Get<float>(mixed_), x.cols, input_kernel.outputs);

  Transpose(*run.backend, hidden, transposed);
  const ProductInput input = transposed_room_.Load(*run.backend, run.arena, transposed);
  SMX_TRY(input_kernel.product.Run(input, mixed, run.backend));
  Transpose(*run.backend, {mixed.data, mixed.rows, out.rows, mixed.stride}, out);
  return Status::kOk;
}

uint64_t MixingLinear::MacsOf(size_t num_tokens, size_t d_model) {
  if (by_fft_) return 0;
  const uint64_t length = by_columns_ ? num_tokens : KernelFor(num_tokens, num_tokens).inputs;
  return num_tokens * d_model * d_model + d_model * length * length;
}

Status MixingLinear::Run(const RunContext& run, ConstMatF x, MatF out) {
  const size_t n = run.seq_len;
  const size_t num_outputs = out.rows / run.batch_size;
  for (size_t b = 0; b < run.batch_size; ++b) {
    SMX_TRY(RunText(run, x.Rows(b * n, n), out.Rows(b * num_outputs, num_outputs)));
  }
  run.EndStage(out.rows, run.rows(), run.batch_size * MacsOf(n, x.cols));
  return Status::kOk;
}

}  // namespace smx
