#include "layers/mixing_fourier.h"

#include "backends/fft_lengths.h"
#include "backends/kissfft/fft_mixing.h"
#include "layers/mixing_way.h"

namespace smx {

Status MixingFourier::Prepare(const FourierMixingWeights& weights, size_t layer, const PrepareContext& context,
                              BufferId* out) {
  layer_ = layer;
  is_hartley_ = context.config.layers[layer].mixing == MixingKind::kHartley;
  const size_t d = context.config.d_model;
  StageChoice choice = {};
  SMX_TRY(ChooseMixingWay(FourierCost(context.config.max_seq_len, d, is_hartley_), weights.type, context, &choice));
  by_fft_ = IsByFft(choice);
  Plan* plan = context.plan;
  plan->BeginStage(is_hartley_ ? "hartley_mixing" : "fourier_mixing", choice);
  // From the start: text after text goes through all the steps.
  *out = plan->Acquire("mixing_output", Checked(context.max_rows()) * Checked(d) * Checked(sizeof(float)));
  if constexpr (kHasFft) {
    if (by_fft_) {
      fft_ = plan->Acquire("mixing_fft", FourierMixingBytes(context.max_tokens, d));
      plan->NextStep();
      plan->Release(fft_);
      return Status::kOk;
    }
  }
  product_.Prepare(weights.type, is_hartley_, context);
  return Status::kOk;
}

Status MixingFourier::Create(const PrepareContext& context, Backend* backend) {
  return by_fft_ ? Status::kOk : product_.Create(layer_, context, backend);
}

Status MixingFourier::RunText(const RunContext& run, ConstMatF x, MatF out) {
  if constexpr (kHasFft) {
    if (by_fft_) return RunFourierMixing(x, is_hartley_, run.arena.Get<uint8_t>(fft_), out);
  }
  return product_.RunText(run, x, out);
}

Status MixingFourier::Run(const RunContext& run, ConstMatF x, MatF out) {
  const size_t n = run.seq_len;
  const size_t num_outputs = out.rows / run.batch_size;
  for (size_t b = 0; b < run.batch_size; ++b) {
    SMX_TRY(RunText(run, x.Rows(b * n, n), out.Rows(b * num_outputs, num_outputs)));
  }
  const uint64_t macs = by_fft_ ? 0 : FourierMacs(n, x.cols, is_hartley_);
  run.EndStage(out.rows, run.rows(), run.batch_size * macs);
  return Status::kOk;
}

}  // namespace smx
