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
/// zeros are exact in int8 too, so the answer does not depend on the length that was taken. Source: LinearTransform in
/// sparse_mixers/layers.py.
class MixingLinear {
 public:
  Status Prepare(const LinearMixingWeights& weights, const PrepareContext& context);
  Status Create(const PrepareContext& context, Backend* backend);
  Status Run(const RunContext& run, ConstMatF x, MatF out);

 private:
  /// S for texts of up to `length` tokens.
  struct SizedInputKernel {
    size_t length = 0;
    Product product;
  };

  SizedInputKernel& KernelFor(size_t num_tokens);
  Status RunText(const RunContext& run, ConstMatF x, MatF out);

  const LinearMixingWeights* weights_ = nullptr;
  Product hidden_kernel_;
  FixedArray<SizedInputKernel> input_kernels_;  // shortest first
  ProductInputRoom x_room_, transposed_room_;
  BufferId hidden_, transposed_, mixed_;
};

}  // namespace smx

#endif  // SMX_LAYERS_MIXING_LINEAR_H_
