#include "backends/fft_lengths.h"

#include <algorithm>

namespace smx {

bool IsFftLength(size_t n) {
  if (n < 2) return false;
  for (const size_t factor : {size_t{2}, size_t{3}, size_t{5}}) {
    while (n % factor == 0) n /= factor;
  }
  return n == 1;
}

size_t ConvolutionLength(size_t n) {
  size_t length = std::max(2 * n - 1, size_t{2});
  while (!IsFftLength(length)) ++length;
  return length;
}

size_t ToeplitzLength(size_t n, bool is_circulant) { return is_circulant && IsFftLength(n) ? n : ConvolutionLength(n); }

}  // namespace smx
