#ifndef SMX_BACKENDS_KISSFFT_FFT_MIXING_H_
#define SMX_BACKENDS_KISSFFT_FFT_MIXING_H_

#include "backends/kissfft/fft.h"
#include "base/mat.h"
#include "kernels/product.h"

namespace smx {

// Mixing of one text by FFT, float32. x [n, d]: all rows of the text; out: its first rows; `memory` is aligned to 64,
// and what it holds before does not matter: transforms are made anew for every text, which takes a hundredth of what
// they are made for. No heap call.

/// For texts of up to `max_tokens`.
Checked FourierMixingBytes(size_t max_tokens, size_t d_model);

/// Fourier or Hartley mixing. The sequence first, two channels at a time as the real and the imaginary part of one
/// transform; then the hidden axis of frequencies 0 .. n/2 that the wanted rows are made of. The others mirror them,
/// because X is real: Z[n - k, d - j] is the conjugate of Z[k, j].
///
/// @retval kBackendFailure  the library refused its memory.
Status RunFourierMixing(ConstMatF x, bool is_hartley, uint8_t* memory, MatF out);

/// A Toeplitz matrix on each axis, views of their vectors (ProductWeights::stride -1) of either type.
struct ToeplitzKernels {
  const ProductWeights& input_kernel;
  const ProductWeights& hidden_kernel;
  bool is_circulant;
};

Checked ToeplitzMixingBytes(size_t max_tokens, size_t d_model);

/// Y = S X H by convolutions: the sequence first, two channels at a time, then the hidden axis of the wanted rows, two
/// rows at a time. A text of fewer tokens than S has rows takes its leading block, which is no circulant matrix.
///
/// @retval kBackendFailure  the library refused its memory.
Status RunToeplitzMixing(ConstMatF x, const ToeplitzKernels& kernels, uint8_t* memory, MatF out);

}  // namespace smx

#endif  // SMX_BACKENDS_KISSFFT_FFT_MIXING_H_
