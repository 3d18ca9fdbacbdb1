#include "layers/mixing_fourier_product.h"

#include <algorithm>

namespace smx {
namespace {

/// Cosine and sine rows of a text of n tokens that make its first `wanted` rows: frequencies 0, 1, .. and 1, 2, ..;
/// those above n / 2 are mirrored.
size_t CosineRows(size_t n, size_t wanted) { return std::min(wanted, EvenLength(n)); }
size_t SineRows(size_t n, size_t wanted) { return std::min(wanted - 1, OddLength(n)); }

/// One after the other, [rows, cols] and [rows, all - cols], out of a buffer of [rows, all].
struct Halves {
  MatF first, second;

  Halves(float* buffer, size_t rows, size_t cols, size_t all)
      : first(DenseMat(buffer, rows, cols)), second(DenseMat(buffer + rows * cols, rows, all - cols)) {}
};

}  // namespace

/// What the hidden axis makes of a text's rows: of the cosine rows first, of the sine rows behind. Fourier mixing
/// leaves out the cosines of sine rows and the sines of cosine rows.
struct MixingFourierProduct::TokenSums {
  size_t num_cosine_rows, num_sine_rows;
  MatF cosines, sines;  // [both, EvenLength(d)] and [both, OddLength(d)]
};

void MixingFourierProduct::Prepare(WeightType type, bool is_hartley, const PrepareContext& context) {
  is_hartley_ = is_hartley;
  d_model_ = context.config.d_model;
  sequence_cosines_.Prepare(DftPart::kCosines, type);
  sequence_sines_.Prepare(DftPart::kSines, type);
  hidden_cosines_.Prepare(DftPart::kCosines, type);
  hidden_sines_.Prepare(DftPart::kSines, type);

  Plan* plan = context.plan;
  const size_t length = context.max_tokens;
  const size_t longest_axis = std::max(length, d_model_);
  const Checked side = EvenLength(longest_axis);
  const Checked bytes = Checked(length) * Checked(d_model_) * Checked(sizeof(float));
  twiddles_ = plan->Acquire("dft_twiddles", Checked(2) * Checked(longest_axis) * Checked(sizeof(float)));
  matrix_ = plan->Acquire("dft_matrix", side * side * Checked(type == WeightType::kF32 ? sizeof(float) : 1));
  channels_ = plan->Acquire("mixing_channels", bytes);
  plan->NextStep();
  folded_channels_ = plan->Acquire("folded_channels", bytes);
  plan->Release(channels_);
  plan->NextStep();
  channels_room_.Acquire(type, d_model_, EvenLength(length), plan);
  channel_sums_ = plan->Acquire("channel_sums", bytes);
  plan->Release(folded_channels_);
  channels_room_.Release(plan);
  plan->NextStep();
  tokens_ = plan->Acquire("mixing_tokens", bytes);
  plan->Release(channel_sums_);
  plan->NextStep();
  folded_tokens_ = plan->Acquire("folded_tokens", bytes);
  plan->Release(tokens_);
  plan->NextStep();
  tokens_room_.Acquire(type, length, EvenLength(d_model_), plan);
  token_sums_ = plan->Acquire("token_sums", bytes);
  plan->Release(folded_tokens_);
  tokens_room_.Release(plan);
  plan->NextStep();
  for (const BufferId id : {twiddles_, matrix_, token_sums_}) plan->Release(id);
}

Status MixingFourierProduct::Create(size_t layer, const PrepareContext& context, Backend* backend) {
  const size_t length = context.max_tokens;
  const bool first_alone = context.fewest_rows[layer].mixing == 1;
  SMX_TRY(sequence_cosines_.Create(length, d_model_, first_alone, backend));
  SMX_TRY(sequence_sines_.Create(length, d_model_, false, backend));
  SMX_TRY(hidden_cosines_.Create(d_model_, length, false, backend));
  return hidden_sines_.Create(d_model_, length, false, backend);
}

Status MixingFourierProduct::MixSequence(const RunContext& run, ConstMatF x, size_t num_outputs, MatF cosine_sums,
                                         MatF sine_sums) {
  Backend* const backend = run.backend;
  const size_t n = x.rows;
  const DftScratch scratch = {run.arena.Get<float>(twiddles_), run.arena.Get<uint8_t>(matrix_)};
  const MatF channels = DenseMat(run.arena.Get<float>(channels_), d_model_, n);
  const Halves folded(run.arena.Get<float>(folded_channels_), d_model_, EvenLength(n), n);
  Transpose(*backend, x, channels);
  backend->kernels.fold(channels, folded.first, folded.second);
  const ProductInput even = channels_room_.Load(*backend, run.arena, folded.first);
  SMX_TRY(sequence_cosines_.Run(n, even, scratch, cosine_sums, backend));
  if (num_outputs == 1 || OddLength(n) == 0) return Status::kOk;
  const ProductInput odd = channels_room_.Load(*backend, run.arena, folded.second);
  return sequence_sines_.Run(n, odd, scratch, sine_sums, backend);
}

Status MixingFourierProduct::MixHidden(const RunContext& run, const TokenSums& sums) {
  Backend* const backend = run.backend;
  const DftScratch scratch = {run.arena.Get<float>(twiddles_), run.arena.Get<uint8_t>(matrix_)};
  const size_t num_rows = sums.num_cosine_rows + sums.num_sine_rows;
  const Halves folded(run.arena.Get<float>(folded_tokens_), num_rows, EvenLength(d_model_), d_model_);
  backend->kernels.fold(DenseMat(run.arena.Get<float>(tokens_), num_rows, d_model_), folded.first, folded.second);
  const size_t rows_with_cosines = is_hartley_ ? num_rows : sums.num_cosine_rows;
  const ProductInput even = tokens_room_.Load(*backend, run.arena, folded.first.Rows(0, rows_with_cosines));
  SMX_TRY(hidden_cosines_.Run(d_model_, even, scratch, sums.cosines.Rows(0, rows_with_cosines), backend));
  const size_t first_with_sines = is_hartley_ ? 0 : sums.num_cosine_rows;
  const size_t rows_with_sines = num_rows - first_with_sines;
  if (rows_with_sines == 0 || OddLength(d_model_) == 0) return Status::kOk;
  const ProductInput odd =
      tokens_room_.Load(*backend, run.arena, folded.second.Rows(first_with_sines, rows_with_sines));
  return hidden_sines_.Run(d_model_, odd, scratch, sums.sines.Rows(first_with_sines, rows_with_sines), backend);
}

Status MixingFourierProduct::RunText(const RunContext& run, ConstMatF x, MatF out) {
  const size_t n = x.rows;
  const size_t cosine_rows = CosineRows(n, out.rows);
  const size_t sine_rows = SineRows(n, out.rows);
  const Halves all_sums(run.arena.Get<float>(channel_sums_), d_model_, EvenLength(n), n);
  const MatF first_sum = DenseMat(all_sums.first.data, d_model_, 1);
  const MatF cosine_sums = out.rows == 1 ? first_sum : all_sums.first;
  SMX_TRY(MixSequence(run, x, out.rows, cosine_sums, all_sums.second));

  const MatF tokens = DenseMat(run.arena.Get<float>(tokens_), cosine_rows + sine_rows, d_model_);
  Transpose(*run.backend, {cosine_sums.data, d_model_, cosine_rows, cosine_sums.stride}, tokens.Rows(0, cosine_rows));
  Transpose(*run.backend, {all_sums.second.data, d_model_, sine_rows, all_sums.second.stride},
            tokens.Rows(cosine_rows, sine_rows));
  const Halves token_sums(run.arena.Get<float>(token_sums_), tokens.rows, EvenLength(d_model_), d_model_);
  const TokenSums sums = {cosine_rows, sine_rows, token_sums.first, token_sums.second};
  SMX_TRY(MixHidden(run, sums));

  for (size_t r = 0; r < out.rows; ++r) {
    const bool is_mirrored = r > n / 2;
    const size_t frequency = is_mirrored ? n - r : r;
    const bool has_sine = frequency > 0 && frequency <= OddLength(n);
    const size_t sine_row = cosine_rows + frequency - 1;
    FoldedRow row;
    row.sign = is_mirrored ? -1.0f : 1.0f;
    row.even = sums.cosines.Row(frequency);
    if (is_hartley_) row.odd = sums.sines.Row(frequency);
    if (is_hartley_ && has_sine) row.even_too = sums.cosines.Row(sine_row);
    if (has_sine) row.minus_odd = sums.sines.Row(sine_row);
    run.backend->kernels.unfold(row, d_model_, out.Row(r));
  }
  return Status::kOk;
}

}  // namespace smx
