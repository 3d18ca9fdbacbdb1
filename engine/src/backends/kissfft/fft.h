#ifndef SMX_BACKENDS_KISSFFT_FFT_H_
#define SMX_BACKENDS_KISSFFT_FFT_H_

#include <cstddef>
#include <cstdint>

#include "base/checked_math.h"
#include "smx/status.h"

struct kiss_fft_state;

namespace smx {

struct Complex {
  float re, im;
};

/// Memory of the caller's, aligned to 64, handed out from its begin on in pieces aligned likewise. Who hands it on
/// hands on what is left.
class FftRoom {
 public:
  explicit FftRoom(uint8_t* memory) : next_(memory) {}

  static Checked BytesFor(Checked bytes) { return bytes.AlignedUp(64); }
  static Checked BytesForNumbers(size_t count) { return BytesFor(Checked(count) * Checked(sizeof(Complex))); }

  uint8_t* Take(size_t bytes) {
    uint8_t* const begin = next_;
    next_ += BytesFor(bytes).value();
    return begin;
  }
  Complex* TakeNumbers(size_t count) { return reinterpret_cast<Complex*>(Take(count * sizeof(Complex))); }

 private:
  uint8_t* next_;
};

/// Cyclic convolution of complex numbers with constant ones, the filter, by two transforms:
///
///   values[k] = sum over j of filter[(k - j) mod length] values[j]
class Convolution {
 public:
  /// More for a longer one. `length` has IsFftLength, here and below.
  static Checked BytesFor(size_t length);

  /// @retval kBackendFailure  the library refused its memory.
  Status Make(size_t length, FftRoom* room);

  size_t length() const { return length_; }
  Complex* values() const { return values_; }
  /// What values() hold is the filter, from now on.
  void SetFilter();
  void Run() const;

 private:
  size_t length_ = 0;
  kiss_fft_state* state_ = nullptr;
  Complex* filter_ = nullptr;    // [length], transformed and divided by the length
  Complex* values_ = nullptr;    // [length]
  Complex* spectrum_ = nullptr;  // [length], scratch
};

/// The discrete Fourier transform of complex numbers by KissFFT, in memory of the caller's:
///
///   out[k] = sum over j of in[j] exp(-2 pi i j k / n)
///
/// Lengths that KissFFT cannot do without heap go through Bluestein's algorithm, a convolution.
class Fft {
 public:
  /// What Make needs for `length`, 1 .. 2^16, and for any length up to it.
  static Checked BytesFor(size_t length);
  static Checked BytesUpTo(size_t max_length);

  /// @retval kBackendFailure  the library refused its memory.
  Status Make(size_t length, FftRoom* room);

  /// in, out [length], which are not the same memory. No heap call.
  void Run(const Complex* in, Complex* out) const;

 private:
  void MakeChirp();
  void RunBluestein(const Complex* in, Complex* out) const;

  size_t length_ = 0;
  kiss_fft_state* state_ = nullptr;  // null for length 1 and with Bluestein's algorithm
  Complex* chirp_ = nullptr;         // [length_], Bluestein's only
  Convolution convolution_;          // Bluestein's only
};

/// How a transform is put to the test below.
using CheckedFftFn = void (*)(const Fft& fft, const Complex* in, Complex* out);

/// Whether transforms of each kind agree with their definition. Libraries have been wrong on some machines.
///
/// @retval kOutOfMemory
Result<bool> FftIsRight(CheckedFftFn run);
Result<bool> FftIsRight();

}  // namespace smx

#endif  // SMX_BACKENDS_KISSFFT_FFT_H_
