#include "layers/mixing_linear.h"

namespace smx {
namespace {

// Below this a longer product costs next to nothing.
constexpr size_t kShortestLength = 16;

/// The powers of two from kShortestLength up that are below `longest`, then `longest`; only the last for models that
/// always mix all rows.
size_t CountLengths(size_t longest, bool masked) {
  size_t count = 1;
  for (size_t length = kShortestLength; masked && length < longest; length *= 2) ++count;
  return count;
}

}  // namespace

Status MixingLinear::Prepare(const LinearMixingWeights& weights, const PrepareContext& context) {
  weights_ = &weights;
  const size_t longest = context.max_tokens;
  SMX_TRY(input_kernels_.Allocate(CountLengths(longest, context.config.masked_padding)));
  for (size_t i = 0; i < input_kernels_.size(); ++i) input_kernels_[i].length = kShortestLength << i;
  input_kernels_[input_kernels_.size() - 1].length = longest;

  Plan* plan = context.plan;
  const size_t d = context.config.d_model;
  const Checked bytes = Checked(longest) * Checked(d) * Checked(sizeof(float));
  x_room_.Acquire(weights.hidden_kernel.type, longest, d, plan);
  plan->NextStep();
  hidden_ = plan->Acquire("mixing_hidden", bytes);
  plan->NextStep();
  x_room_.Release(plan);
  transposed_ = plan->Acquire("mixing_transposed", bytes);
  plan->NextStep();
  plan->Release(hidden_);
  transposed_room_.Acquire(weights.input_kernel.type, d, longest, plan);
  plan->NextStep();
  mixed_ = plan->Acquire("mixing_mixed", bytes);
  plan->NextStep();
  plan->Release(transposed_);
  transposed_room_.Release(plan);
  plan->Release(mixed_);
  return Status::kOk;
}

Status MixingLinear::Create(const PrepareContext& context, Backend* backend) {
  SMX_TRY(hidden_kernel_.Create(weights_->hidden_kernel, context.max_tokens, backend));
  for (SizedInputKernel& sized : input_kernels_) {
    ProductWeights leading_block = weights_->input_kernel;
    leading_block.inputs = sized.length;
    leading_block.outputs = sized.length;
    SMX_TRY(sized.product.Create(leading_block, context.config.d_model, backend));
  }
  return Status::kOk;
}

MixingLinear::SizedInputKernel& MixingLinear::KernelFor(size_t num_tokens) {
  size_t i = 0;
  while (input_kernels_[i].length < num_tokens) ++i;
  return input_kernels_[i];
}

Status MixingLinear::RunText(const RunContext& run, ConstMatF x, MatF out) {
  const KernelTable& kernels = run.backend->kernels;
  SizedInputKernel& input_kernel = KernelFor(x.rows);
  const size_t length = input_kernel.length;
  const MatF hidden = DenseMat(run.arena.Get<float>(hidden_), x.rows, x.cols);
  const MatF transposed = DenseMat(run.arena.Get<float>(transposed_), x.cols, length);
  const MatF mixed = DenseMat(run.arena.Get<float>(mixed_), x.cols, length);

  SMX_TRY(hidden_kernel_.Run(x_room_.Load(*run.backend, run.arena, x), hidden, run.backend));
  kernels.transpose(hidden, transposed);
  const ProductInput input = transposed_room_.Load(*run.backend, run.arena, transposed);
  SMX_TRY(input_kernel.product.Run(input, mixed, run.backend));
  kernels.transpose({mixed.data, mixed.rows, x.rows, mixed.stride}, out);
  return Status::kOk;
}

Status MixingLinear::Run(const RunContext& run, ConstMatF x, MatF out) {
  for (size_t b = 0; b < run.batch_size; ++b) {
    const size_t first = b * run.seq_len;
    SMX_TRY(RunText(run, x.Rows(first, run.seq_len), out.Rows(first, run.seq_len)));
  }
  return Status::kOk;
}

}  // namespace smx
