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

void FoldRows(const Backend& backend, ConstMatF rows, const Halves& folded) {
  backend.SplitRows(rows.rows, rows.cols, [&](size_t first, size_t count) {
    backend.kernels.fold(rows.Rows(first, count), folded.first.Rows(first, count), folded.second.Rows(first, count));
  });
}

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
  workspace_ = plan->Acquire("dft_workspace", bytes);
  other_workspace_ = plan->Acquire("dft_other_workspace", bytes);
  channels_room_.Acquire(type, d_model_, EvenLength(length), plan);
  plan->NextStep();
  channels_room_.Release(plan);
  plan->NextStep();
  if (type != WeightType::kF32) {
    columns_room_ = plan->Acquire("quantized_columns", ProductOfColumnsBytes(EvenLength(length), d_model_));
    plan->NextStep();
    plan->Release(columns_room_);
    plan->NextStep();
  }
  tokens_room_.Acquire(type, length, EvenLength(d_model_), plan);
  plan->NextStep();
  tokens_room_.Release(plan);
  for (const BufferId id : {twiddles_, matrix_, workspace_, other_workspace_}) plan->Release(id);
}

Status MixingFourierProduct::Create(size_t layer, const PrepareContext& context, Backend* backend) {
  const size_t length = context.max_tokens;
  by_columns_ = sequence_cosines_.HasColumns(*backend);
  if (by_columns_) {
    SMX_TRY(sequence_cosines_.CreateForColumns(length, backend));
    SMX_TRY(sequence_sines_.CreateForColumns(length, backend));
  } else {
    const bool first_alone = context.fewest_rows[layer].mixing == 1;
    SMX_TRY(sequence_cosines_.Create(length, d_model_, first_alone, backend));
    SMX_TRY(sequence_sines_.Create(length, d_model_, false, backend));
  }
  SMX_TRY(hidden_cosines_.Create(d_model_, length, false, backend));
  return hidden_sines_.Create(d_model_, length, false, backend);
}

DftScratch MixingFourierProduct::ScratchOf(const RunContext& run) const {
  return {run.arena.Get<float>(twiddles_), run.arena.Get<uint8_t>(matrix_)};
}

/// The first cosine and sine sums of the columns of x [n, d]: [CosineRows, d] and [SineRows, d], in the other
/// workspace.
Status MixingFourierProduct::MixSequence(const RunContext& run, ConstMatF x, MatF cosine_sums, MatF sine_sums) {
  if (!by_columns_) return MixChannels(run, x, cosine_sums, sine_sums);
  MixColumns(run, x, cosine_sums, sine_sums);
  return Status::kOk;
}

/// By the transpose of x, and back.
Status MixingFourierProduct::MixChannels(const RunContext& run, ConstMatF x, MatF cosine_sums, MatF sine_sums) {
  Backend* const backend = run.backend;
  const size_t n = x.rows;
  const MatF channels = DenseMat(run.arena.Get<float>(workspace_), d_model_, n);
  const Halves folded(run.arena.Get<float>(other_workspace_), d_model_, EvenLength(n), n);
  Transpose(*backend, x, channels);
  FoldRows(*backend, channels, folded);

  Halves sums(run.arena.Get<float>(workspace_), d_model_, EvenLength(n), n);
  if (cosine_sums.rows == 1) sums.first = DenseMat(sums.first.data, d_model_, 1);
  const ProductInput even = channels_room_.Load(*backend, run.arena, folded.first);
  SMX_TRY(sequence_cosines_.Run(n, even, ScratchOf(run), sums.first, backend));
  if (sine_sums.rows != 0) {
    const ProductInput odd = channels_room_.Load(*backend, run.arena, folded.second);
    SMX_TRY(sequence_sines_.Run(n, odd, ScratchOf(run), sums.second, backend));
  }
  Transpose(*backend, {sums.first.data, d_model_, cosine_sums.rows, sums.first.stride}, cosine_sums);
  Transpose(*backend, {sums.second.data, d_model_, sine_sums.rows, sums.second.stride}, sine_sums);
  return Status::kOk;
}

void MixingFourierProduct::MixColumns(const RunContext& run, ConstMatF x, MatF cosine_sums, MatF sine_sums) {
  Backend* const backend = run.backend;
  const size_t n = x.rows;
  float* const folded = run.arena.Get<float>(workspace_);
  const MatF even = DenseMat(folded, EvenLength(n), d_model_);
  const MatF odd = DenseMat(folded + EvenLength(n) * d_model_, OddLength(n), d_model_);
  backend->SplitRows(even.rows, 2 * d_model_,
                     [&](size_t first, size_t count) { backend->kernels.fold_columns(x, first, count, even, odd); });
  auto* const room = run.arena.Get<uint8_t>(columns_room_);
  sequence_cosines_.RunColumns(n, even, ScratchOf(run), room, cosine_sums, backend);
  if (sine_sums.rows != 0) sequence_sines_.RunColumns(n, odd, ScratchOf(run), room, sine_sums, backend);
}

/// Takes `tokens`, in the other workspace, where `sums` then are.
Status MixingFourierProduct::MixHidden(const RunContext& run, ConstMatF tokens, const TokenSums& sums) {
  Backend* const backend = run.backend;
  const size_t num_rows = tokens.rows;
  const Halves folded(run.arena.Get<float>(workspace_), num_rows, EvenLength(d_model_), d_model_);
  FoldRows(*backend, tokens, folded);
  const size_t rows_with_cosines = is_hartley_ ? num_rows : sums.num_cosine_rows;
  const ProductInput even = tokens_room_.Load(*backend, run.arena, folded.first.Rows(0, rows_with_cosines));
  SMX_TRY(hidden_cosines_.Run(d_model_, even, ScratchOf(run), sums.cosines.Rows(0, rows_with_cosines), backend));
  const size_t first_with_sines = is_hartley_ ? 0 : sums.num_cosine_rows;
  const size_t rows_with_sines = num_rows - first_with_sines;
  if (rows_with_sines == 0 || OddLength(d_model_) == 0) return Status::kOk;
  const ProductInput odd =
      tokens_room_.Load(*backend, run.arena, folded.second.Rows(first_with_sines, rows_with_sines));
  return hidden_sines_.Run(d_model_, odd, ScratchOf(run), sums.sines.Rows(first_with_sines, rows_with_sines), backend);
}

void MixingFourierProduct::Unfold(const RunContext& run, const TokenSums& sums, size_t num_tokens, MatF out) const {
  run.backend->SplitRows(out.rows, d_model_, [&](size_t first, size_t count) {
    for (size_t r = first; r < first + count; ++r) {
      const bool is_mirrored = r > num_tokens / 2;
      const size_t frequency = is_mirrored ? num_tokens - r : r;
      const bool has_sine = frequency > 0 && frequency <= OddLength(num_tokens);
      const size_t sine_row = sums.num_cosine_rows + frequency - 1;
      FoldedRow row;
      row.sign = is_mirrored ? -1.0f : 1.0f;
      row.even = sums.cosines.Row(frequency);
      if (is_hartley_) row.odd = sums.sines.Row(frequency);
      if (is_hartley_ && has_sine) row.even_too = sums.cosines.Row(sine_row);
      if (has_sine) row.minus_odd = sums.sines.Row(sine_row);
      run.backend->kernels.unfold(row, d_model_, out.Row(r));
    }
  });
}

Status MixingFourierProduct::RunText(const RunContext& run, ConstMatF x, MatF out) {
  const size_t cosine_rows = CosineRows(x.rows, out.rows);
  const size_t sine_rows = SineRows(x.rows, out.rows);
  float* const results = run.arena.Get<float>(other_workspace_);
  const MatF tokens = DenseMat(results, cosine_rows + sine_rows, d_model_);
  SMX_TRY(MixSequence(run, x, tokens.Rows(0, cosine_rows), tokens.Rows(cosine_rows, sine_rows)));

  const Halves token_sums(results, tokens.rows, EvenLength(d_model_), d_model_);
  const TokenSums sums = {cosine_rows, sine_rows, token_sums.first, token_sums.second};
  SMX_TRY(MixHidden(run, tokens, sums));
  Unfold(run, sums, x.rows, out);
  return Status::kOk;
}

}  // namespace smx
