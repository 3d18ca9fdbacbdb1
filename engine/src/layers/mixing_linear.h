#ifndef SMX_LAYERS_MIXING_LINEAR_H_
#define SMX_LAYERS_MIXING_LINEAR_H_

#include "backends/product.h"
#include "base/fixed_array.h"
#include "layers/context.h"

namespace smx {

/// Learned linear mixing, Y = S X H per text, as two products with constant weights: X through H, the transpose of that
/// through S, which yields the transpose of Y.
///
/// With masked padding only the leading n x n block of S is meant for n tokens. A packed S cannot be cut, so it is
/// packed for a few lengths, powers of two, and a text takes the next longer one with zeros behind its own columns;
/// zeros are exact in int8 too, so the answer does not depend on the length that was taken. Where nobody reads all rows
/// of the output, S is packed with fewer rows, too. With byte products S is not packed, and nothing is transposed.
///
/// Circulant and Toeplitz mixing are the same with matrices of fewer numbers, and may go by FFT, see MixingWay. Source:
/// LinearTransform, CirculantTransform and ToeplitzTransform in sparse_mixers/layers.py.
class MixingLinear {
 public:
  /// Errors as ChooseMixingWay.
  Status Prepare(const LinearMixingWeights& weights, size_t layer, const PrepareContext& context, BufferId* out);
  Status Create(const PrepareContext& context, Backend* backend);
  /// x: all rows of each text; out: the first rows of each.
  Status Run(const RunContext& run, ConstMatF x, MatF out);

 private:
  /// The first `outputs` rows of S for texts of up to `inputs` tokens.
  struct SizedInputKernel {
    size_t inputs = 0;
    size_t outputs = 0;
    Product product;
  };

  Status Choose(const PrepareContext& context, StageChoice* choice);
  void PlanProducts(const PrepareContext& context);
  Status ListSizes(size_t longest, bool masked, bool all_rows_are_read);
  ProductWeights LeadingBlock(size_t inputs, size_t outputs) const;
  SizedInputKernel& KernelFor(size_t num_tokens, size_t num_outputs);
  Status RunText(const RunContext& run, ConstMatF x, MatF out);
  uint64_t MacsOf(size_t num_tokens, size_t d_model);

  const LinearMixingWeights* weights_ = nullptr;
  MixingKind kind_ = MixingKind::kLinear;
  bool by_fft_ = false;
  bool by_columns_ = false;  // S as it lies in the file, see RunProductOfColumns
  Product hidden_kernel_;
  FixedArray<SizedInputKernel> input_kernels_;  // fewest inputs first, of those fewest outputs
  ProductInputRoom x_room_, transposed_room_;
  BufferId hidden_, transposed_, mixed_, fft_;
};

}  // namespace smx

#endif  // SMX_LAYERS_MIXING_LINEAR_H_
