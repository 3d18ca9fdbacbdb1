#ifndef SMX_BACKENDS_FFT_LENGTHS_H_
#define SMX_BACKENDS_FFT_LENGTHS_H_

#include <cstddef>

namespace smx {

/// Whether there is an FFT in this build. Without it nobody calls what backends/kissfft declares.
inline constexpr bool kHasFft = SMX_WITH_KISSFFT;

/// Whether n > 1 has no factor but 2, 3 and 5. For others, 1 too, KissFFT would call the heap.
bool IsFftLength(size_t n);

/// The first of those lengths that a convolution of two times n numbers can have without its ends meeting.
size_t ConvolutionLength(size_t n);

/// How long the cyclic convolution is that multiplies by a Toeplitz matrix [n, n]: n itself for a circulant matrix of a
/// good length.
size_t ToeplitzLength(size_t n, bool is_circulant);

}  // namespace smx

#endif  // SMX_BACKENDS_FFT_LENGTHS_H_
