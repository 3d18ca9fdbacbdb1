#include "backends/kissfft/fft_mixing.h"

#include <algorithm>

#include "backends/fft_lengths.h"
#include "kernels/fourier.h"

namespace smx {
namespace {

/// Of z = a + i b with a and b real: the transform of a is (Z[k] + conj Z[n - k]) / 2, that of b is
/// (Z[k] - conj Z[n - k]) / 2i. `z` and `transformed` [n] are scratch.
void TransformChannels(const Fft& fft, ConstMatF x, Complex* z, Complex* transformed, Mat<Complex> spectrum) {
  const size_t n = x.rows;
  for (size_t c = 0; c < x.cols; c += 2) {
    const bool is_pair = c + 1 < x.cols;
    for (size_t t = 0; t < n; ++t) z[t] = {x.Row(t)[c], is_pair ? x.Row(t)[c + 1] : 0.0f};
    fft.Run(z, transformed);
    for (size_t k = 0; k < spectrum.rows; ++k) {
      const Complex a = transformed[k];
      const Complex b = transformed[k == 0 ? 0 : n - k];
      spectrum.Row(k)[c] = {0.5f * (a.re + b.re), 0.5f * (a.im - b.im)};
      if (is_pair) spectrum.Row(k)[c + 1] = {0.5f * (a.im + b.im), 0.5f * (b.re - a.re)};
    }
  }
}

/// Real parts of a row of Z, or real less imaginary ones; of the row that mirrors it, where asked.
void WriteRow(const Complex* token, bool is_hartley, bool is_mirrored, size_t d, float* y) {
  const float sign = is_mirrored ? 1.0f : -1.0f;  // of the imaginary part in Re - Im
  for (size_t j = 0; j < d; ++j) {
    const Complex value = token[is_mirrored && j > 0 ? d - j : j];
    y[j] = is_hartley ? value.re + sign * value.im : value.re;
  }
}

/// The matrix has diagonal[c - r] in row r and column c, so its product is a convolution with diagonal[-m].
template <typename T>
void FillFilter(const T* diagonal, float scale, size_t n, Complex* filter, size_t length) {
  std::fill_n(filter, length, Complex{0, 0});
  for (size_t m = 0; m < n; ++m) filter[m].re = static_cast<float>(*(diagonal - m)) * scale;
  for (size_t m = 1; m < n && length > n; ++m) filter[length - m].re = static_cast<float>(diagonal[m]) * scale;
}

Status MakeToeplitz(const ProductWeights& kernel, size_t n, bool is_circulant, FftRoom room, Convolution* convolution) {
  SMX_TRY(convolution->Make(ToeplitzLength(n, is_circulant), &room));
  Complex* const filter = convolution->values();
  if (kernel.type == WeightType::kF32) {
    FillFilter(kernel.Row<float>(0), 1.0f, n, filter, convolution->length());
  } else {
    FillFilter(kernel.Row<int8_t>(0), kernel.Scale(0), n, filter, convolution->length());
  }
  convolution->SetFilter();
  return Status::kOk;
}

/// The wanted rows and, where they are odd in number, the next one, if there is one: so the last is paired with the
/// same row, and has the same bits, however many are wanted.
struct PairedRows {
  MatF wanted;
  float* spare;
  size_t count;

  float* Row(size_t r) const { return r < wanted.rows ? wanted.Row(r) : spare; }
};

/// Two real vectors go through a real convolution as the real and the imaginary part of one.
void ConvolveChannels(const Convolution& convolution, ConstMatF x, const PairedRows& out) {
  Complex* const z = convolution.values();
  for (size_t c = 0; c < x.cols; c += 2) {
    const bool is_pair = c + 1 < x.cols;
    for (size_t t = 0; t < x.rows; ++t) z[t] = {x.Row(t)[c], is_pair ? x.Row(t)[c + 1] : 0.0f};
    std::fill(z + x.rows, z + convolution.length(), Complex{0, 0});
    convolution.Run();
    for (size_t r = 0; r < out.count; ++r) {
      out.Row(r)[c] = z[r].re;
      if (is_pair) out.Row(r)[c + 1] = z[r].im;
    }
  }
}

void ConvolveRows(const Convolution& convolution, const PairedRows& rows) {
  const size_t d = rows.wanted.cols;
  Complex* const z = convolution.values();
  for (size_t r = 0; r < rows.count; r += 2) {
    const bool is_pair = r + 1 < rows.count;
    float* const a = rows.Row(r);
    float* const b = is_pair ? rows.Row(r + 1) : nullptr;
    for (size_t j = 0; j < d; ++j) z[j] = {a[j], is_pair ? b[j] : 0.0f};
    std::fill(z + d, z + convolution.length(), Complex{0, 0});
    convolution.Run();
    for (size_t j = 0; j < d; ++j) {
      a[j] = z[j].re;
      if (is_pair) b[j] = z[j].im;
    }
  }
}

}  // namespace

Checked FourierMixingBytes(size_t max_tokens, size_t d_model) {
  const size_t longest_axis = std::max(max_tokens, d_model);  // one after the other
  const Checked spectrum = Checked(EvenLength(max_tokens)) * Checked(d_model) * Checked(sizeof(Complex));
  return FftRoom::BytesFor(spectrum) + Checked(2) * FftRoom::BytesForNumbers(longest_axis) +
         Fft::BytesUpTo(longest_axis);
}

Status RunFourierMixing(ConstMatF x, bool is_hartley, uint8_t* memory, MatF out) {
  const size_t n = x.rows, d = x.cols;
  FftRoom room(memory);
  const size_t num_frequencies = std::min(out.rows, EvenLength(n));
  const Mat<Complex> spectrum = DenseMat(room.TakeNumbers(num_frequencies * d), num_frequencies, d);
  Fft sequence, hidden;

  FftRoom sequence_room = room;  // what it takes is free again for the hidden axis
  Complex* const channels = sequence_room.TakeNumbers(n);
  Complex* const transformed = sequence_room.TakeNumbers(n);
  SMX_TRY(sequence.Make(n, &sequence_room));
  TransformChannels(sequence, x, channels, transformed, spectrum);

  Complex* const token = room.TakeNumbers(d);
  SMX_TRY(hidden.Make(d, &room));
  for (size_t k = 0; k < num_frequencies; ++k) {
    hidden.Run(spectrum.Row(k), token);
    WriteRow(token, is_hartley, /*is_mirrored=*/false, d, out.Row(k));
    const bool has_mirror = k > 0 && 2 * k != n && n - k < out.rows;
    if (has_mirror) WriteRow(token, is_hartley, /*is_mirrored=*/true, d, out.Row(n - k));
  }
  return Status::kOk;
}

Checked ToeplitzMixingBytes(size_t max_tokens, size_t d_model) {
  const size_t longest_axis = std::max(max_tokens, d_model);  // one after the other
  return FftRoom::BytesFor(Checked(d_model) * Checked(sizeof(float))) +
         Convolution::BytesFor(ConvolutionLength(longest_axis));
}

Status RunToeplitzMixing(ConstMatF x, const ToeplitzKernels& kernels, uint8_t* memory, MatF out) {
  const size_t n = x.rows, d = x.cols;
  FftRoom room(memory);
  const PairedRows rows = {out, reinterpret_cast<float*>(room.Take(d * sizeof(float))),
                           std::min(n, out.rows + out.rows % 2)};
  const bool is_whole = n == kernels.input_kernel.inputs;
  Convolution convolution;
  SMX_TRY(MakeToeplitz(kernels.input_kernel, n, kernels.is_circulant && is_whole, room, &convolution));
  ConvolveChannels(convolution, x, rows);
  SMX_TRY(MakeToeplitz(kernels.hidden_kernel, d, kernels.is_circulant, room, &convolution));
  ConvolveRows(convolution, rows);
  return Status::kOk;
}

}  // namespace smx
