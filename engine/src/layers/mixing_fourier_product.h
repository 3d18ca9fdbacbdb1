#ifndef SMX_LAYERS_MIXING_FOURIER_PRODUCT_H_
#define SMX_LAYERS_MIXING_FOURIER_PRODUCT_H_

#include "backends/dft_sums.h"
#include "backends/product.h"
#include "layers/context.h"

namespace smx {

/// Fourier or Hartley mixing by products. With C and S the cosines and sines of an axis:
///
///   Re(F_L X F_d)                 = C_L X C_d - S_L X S_d
///   Re(F_L X F_d) - Im(F_L X F_d) = C_L X C_d - S_L X S_d + C_L X S_d + S_L X C_d
///
/// An axis takes a fourth of the multiply-adds of a learned kernel, or half, as sums are over folded rows and only half
/// of them differ. The sequence first: rows that nobody reads are dead from there on. int8 as in linear mixing,
/// activations quantized per row; the matrices have one scale. With byte products the sequence's sums are of columns,
/// and nothing is transposed.
class MixingFourierProduct {
 public:
  void Prepare(WeightType type, bool is_hartley, const PrepareContext& context);
  Status Create(size_t layer, const PrepareContext& context, Backend* backend);
  /// x: all rows of a text; out: its first rows.
  Status RunText(const RunContext& run, ConstMatF x, MatF out);

 private:
  struct TokenSums;

  DftScratch ScratchOf(const RunContext& run) const;
  Status MixSequence(const RunContext& run, ConstMatF x, MatF cosine_sums, MatF sine_sums);
  Status MixChannels(const RunContext& run, ConstMatF x, MatF cosine_sums, MatF sine_sums);
  void MixColumns(const RunContext& run, ConstMatF x, MatF cosine_sums, MatF sine_sums);
  Status MixHidden(const RunContext& run, ConstMatF tokens, const TokenSums& sums);
  void Unfold(const RunContext& run, const TokenSums& sums, size_t num_tokens, MatF out) const;

  bool is_hartley_ = false;
  bool by_columns_ = false;
  size_t d_model_ = 0;
  DftSums sequence_cosines_, sequence_sines_, hidden_cosines_, hidden_sines_;
  ProductInputRoom channels_room_, tokens_room_;
  // Every step reads one of the two workspaces and writes the other.
  BufferId twiddles_, matrix_, columns_room_, workspace_, other_workspace_;
};

}  // namespace smx

#endif  // SMX_LAYERS_MIXING_FOURIER_PRODUCT_H_
