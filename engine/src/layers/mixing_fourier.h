#ifndef SMX_LAYERS_MIXING_FOURIER_H_
#define SMX_LAYERS_MIXING_FOURIER_H_

#include "layers/context.h"
#include "layers/mixing_fourier_product.h"

namespace smx {

/// Fourier mixing, Y = Re(F_L X F_d) per text, or Hartley mixing, Y = Re(F_L X F_d) - Im(F_L X F_d), with
/// F_n[a, b] = exp(-2 pi i a b / n) and no scaling; by products or by FFT, see MixingWay. A text of n tokens is
/// transformed as n tokens, with both paddings. Source: FourierTransform and HartleyTransform in
/// sparse_mixers/layers.py.
class MixingFourier {
 public:
  /// Errors as ChooseMixingWay.
  Status Prepare(const FourierMixingWeights& weights, size_t layer, const PrepareContext& context, BufferId* out);
  Status Create(const PrepareContext& context, Backend* backend);
  /// x: all rows of each text; out: the first rows of each.
  Status Run(const RunContext& run, ConstMatF x, MatF out);

 private:
  Status RunText(const RunContext& run, ConstMatF x, MatF out);

  size_t layer_ = 0;
  bool is_hartley_ = false;
  bool by_fft_ = false;
  MixingFourierProduct product_;
  BufferId fft_;
};

}  // namespace smx

#endif  // SMX_LAYERS_MIXING_FOURIER_H_
