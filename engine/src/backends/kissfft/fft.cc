#include "backends/kissfft/fft.h"

#include <algorithm>
#include <cmath>

#include <kiss_fft.h>

#include "backends/fft_lengths.h"
#include "base/fixed_array.h"
#include "kernels/fourier.h"

namespace smx {
namespace {

static_assert(sizeof(Complex) == sizeof(kiss_fft_cpx));
static_assert(offsetof(Complex, im) == offsetof(kiss_fft_cpx, i));

size_t StateBytes(size_t length) {
  size_t bytes = 0;
  static_cast<void>(kiss_fft_alloc(static_cast<int>(length), /*inverse_fft=*/0, nullptr, &bytes));
  return bytes;
}

Status MakeState(size_t length, FftRoom* room, kiss_fft_state** state) {
  size_t bytes = StateBytes(length);
  *state = kiss_fft_alloc(static_cast<int>(length), /*inverse_fft=*/0, room->Take(bytes), &bytes);
  return *state == nullptr ? Status::kBackendFailure : Status::kOk;
}

void Transform(kiss_fft_state* state, const Complex* in, Complex* out) {
  kiss_fft(state, reinterpret_cast<const kiss_fft_cpx*>(in), reinterpret_cast<kiss_fft_cpx*>(out));
}

Complex Product(Complex a, Complex b) { return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re}; }
Complex Conjugate(Complex a) { return {a.re, -a.im}; }

/// exp(-pi i turns / n)
Complex OnUnitCircle(uint64_t turns, size_t n) {
  constexpr double kPi = 3.14159265358979323846;
  const double angle = -kPi * static_cast<double>(turns) / static_cast<double>(n);
  return {static_cast<float>(std::cos(angle)), static_cast<float>(std::sin(angle))};
}

/// How far `found` is from the transform's value k by its definition; `twiddles` are [2, n].
float ErrorOf(const Complex* in, size_t n, size_t k, const float* twiddles, Complex found) {
  Complex sum = {0, 0};
  size_t turn = 0;  // j k modulo n
  for (size_t j = 0; j < n; ++j) {
    const Complex term = Product(in[j], {twiddles[turn], -twiddles[n + turn]});
    sum = {sum.re + term.re, sum.im + term.im};
    turn += k;
    if (turn >= n) turn -= n;
  }
  return std::fabs(sum.re - found.re) + std::fabs(sum.im - found.im);
}

}  // namespace

Checked Convolution::BytesFor(size_t length) {
  return FftRoom::BytesFor(StateBytes(length)) + Checked(3) * FftRoom::BytesForNumbers(length);
}

Status Convolution::Make(size_t length, FftRoom* room) {
  length_ = length;
  SMX_TRY(MakeState(length, room, &state_));
  filter_ = room->TakeNumbers(length);
  values_ = room->TakeNumbers(length);
  spectrum_ = room->TakeNumbers(length);
  return Status::kOk;
}

void Convolution::SetFilter() {
  Transform(state_, values_, filter_);
  const float scale = 1.0f / static_cast<float>(length_);  // the way back is a transform without it
  for (size_t k = 0; k < length_; ++k) filter_[k] = {filter_[k].re * scale, filter_[k].im * scale};
}

void Convolution::Run() const {
  Transform(state_, values_, spectrum_);
  // The inverse transform is the conjugate of the transform of the conjugate.
  for (size_t k = 0; k < length_; ++k) spectrum_[k] = Conjugate(Product(spectrum_[k], filter_[k]));
  Transform(state_, spectrum_, values_);
  for (size_t k = 0; k < length_; ++k) values_[k] = Conjugate(values_[k]);
}

Checked Fft::BytesFor(size_t length) {
  if (length == 1) return Checked(0);
  if (IsFftLength(length)) return FftRoom::BytesFor(StateBytes(length));
  return FftRoom::BytesForNumbers(length) + Convolution::BytesFor(ConvolutionLength(length));
}

Checked Fft::BytesUpTo(size_t max_length) {
  return FftRoom::BytesForNumbers(max_length) + Convolution::BytesFor(ConvolutionLength(max_length));
}

Status Fft::Make(size_t length, FftRoom* room) {
  length_ = length;
  state_ = nullptr;
  if (length == 1) return Status::kOk;
  if (IsFftLength(length)) return MakeState(length, room, &state_);
  chirp_ = room->TakeNumbers(length);
  SMX_TRY(convolution_.Make(ConvolutionLength(length), room));
  MakeChirp();
  return Status::kOk;
}

/// j k = (j^2 + k^2 - (k - j)^2) / 2 makes the transform a convolution with exp(pi i j^2 / n), between two products
/// with its conjugate, the chirp.
void Fft::MakeChirp() {
  const uint64_t period = 2 * uint64_t{length_};
  Complex* const filter = convolution_.values();
  std::fill_n(filter, convolution_.length(), Complex{0, 0});
  for (uint64_t j = 0; j < length_; ++j) {
    chirp_[j] = OnUnitCircle(j * j % period, length_);
    filter[j] = Conjugate(chirp_[j]);
    if (j > 0) filter[convolution_.length() - j] = filter[j];
  }
  convolution_.SetFilter();
}

void Fft::RunBluestein(const Complex* in, Complex* out) const {
  Complex* const values = convolution_.values();
  for (size_t j = 0; j < length_; ++j) values[j] = Product(in[j], chirp_[j]);
  std::fill(values + length_, values + convolution_.length(), Complex{0, 0});
  convolution_.Run();
  for (size_t k = 0; k < length_; ++k) out[k] = Product(values[k], chirp_[k]);
}

void Fft::Run(const Complex* in, Complex* out) const {
  if (state_ != nullptr) {
    Transform(state_, in, out);
  } else if (length_ == 1) {
    out[0] = in[0];
  } else {
    RunBluestein(in, out);
  }
}

Result<bool> FftIsRight(CheckedFftFn run) {
  constexpr size_t kLongest = 120;
  constexpr size_t kAlignment = 64;
  FixedArray<uint8_t> memory;
  FixedArray<Complex> in, out;
  FixedArray<float> twiddles;
  SMX_TRY(memory.Allocate(static_cast<size_t>(Fft::BytesUpTo(kLongest).value()) + kAlignment));
  SMX_TRY(in.Allocate(kLongest));
  SMX_TRY(out.Allocate(kLongest));
  SMX_TRY(twiddles.Allocate(2 * kLongest));
  uint8_t* const aligned = memory.data() + (kAlignment - reinterpret_cast<uintptr_t>(memory.data()) % kAlignment);
  for (const size_t n : {kLongest, size_t{7}}) {  // every factor that the library has code for, and a prime
    for (size_t j = 0; j < n; ++j)
      in[j] = {static_cast<float>(j * j % 11) - 5.0f, static_cast<float>(j * 3 % 7) - 3.0f};
    FftRoom room(aligned);
    Fft fft;
    if (fft.Make(n, &room) != Status::kOk) return false;
    run(fft, in.data(), out.data());
    MakeTwiddles(n, twiddles.data(), twiddles.data() + n);
    for (size_t k = 0; k < n; ++k) {
      if (!(ErrorOf(in.data(), n, k, twiddles.data(), out[k]) <= 1e-5f * static_cast<float>(n))) return false;
    }
  }
  return true;
}

Result<bool> FftIsRight() {
  return FftIsRight([](const Fft& fft, const Complex* in, Complex* out) { fft.Run(in, out); });
}

}  // namespace smx
