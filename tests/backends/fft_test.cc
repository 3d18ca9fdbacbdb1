#include "backends/kissfft/fft.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <doctest/doctest.h>

#include "backends/fft_lengths.h"
#include "engine.h"

using smx::Complex;
using smx::Convolution;
using smx::Fft;
using smx::FftRoom;
using smx::Status;
using smx::tools::AlignedBytes;

namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr size_t kGuardBytes = 64;
constexpr uint8_t kGuard = 0xa5;

std::vector<Complex> SomeNumbers(size_t n) {
  std::vector<Complex> numbers;
  for (size_t j = 0; j < n; ++j) {
    numbers.push_back({static_cast<float>(j * j % 17) - 8.0f, static_cast<float>(j * 5 % 11) - 5.0f});
  }
  return numbers;
}

/// The largest error of a transform, relative to the norm of its input, by which its values are spread.
double ErrorOf(const Fft& fft, size_t n) {
  const std::vector<Complex> in = SomeNumbers(n);
  std::vector<Complex> out(n);
  fft.Run(in.data(), out.data());
  double largest = 0, squares = 0;
  for (const Complex& x : in) squares += static_cast<double>(x.re) * x.re + static_cast<double>(x.im) * x.im;
  for (size_t k = 0; k < n; ++k) {
    double re = 0, im = 0;
    for (size_t j = 0; j < n; ++j) {
      const double angle = -2 * kPi * static_cast<double>(j * k % n) / static_cast<double>(n);
      re += static_cast<double>(in[j].re) * std::cos(angle) - static_cast<double>(in[j].im) * std::sin(angle);
      im += static_cast<double>(in[j].re) * std::sin(angle) + static_cast<double>(in[j].im) * std::cos(angle);
    }
    largest = std::max(largest, std::hypot(re - static_cast<double>(out[k].re), im - static_cast<double>(out[k].im)));
  }
  return largest / std::sqrt(squares);
}

}  // namespace

TEST_CASE("fft: every length up to 130 and some longer agree with the definition, in exactly the memory they ask for") {
  std::vector<size_t> lengths = {131, 200, 243, 251, 256, 509, 512, 1000, 1021};
  for (size_t n = 1; n <= 130; ++n) lengths.push_back(n);
  for (const size_t n : lengths) {
    CAPTURE(n);
    const size_t bytes = static_cast<size_t>(Fft::BytesFor(n).value());
    CHECK(bytes <= Fft::BytesUpTo(n).value());
    const AlignedBytes memory(bytes + kGuardBytes);
    std::fill_n(memory.data(), memory.size(), kGuard);
    Fft fft;
    FftRoom room(memory.data());
    REQUIRE(fft.Make(n, &room) == Status::kOk);
    CHECK(ErrorOf(fft, n) < 2e-6);
    CHECK(room.Take(0) == memory.data() + bytes);
    for (size_t i = 0; i < kGuardBytes; ++i) CHECK(memory.data()[bytes + i] == kGuard);
  }
}

TEST_CASE("fft: one memory serves all lengths up to its own in any order") {
  const AlignedBytes memory(static_cast<size_t>(Fft::BytesUpTo(130).value()));
  Fft fft;
  for (const size_t n : {130u, 127u, 1u, 128u, 7u, 7u, 60u, 129u, 2u}) {
    CAPTURE(n);
    FftRoom room(memory.data());
    REQUIRE(fft.Make(n, &room) == Status::kOk);
    CHECK(ErrorOf(fft, n) < 2e-6);
  }
}

TEST_CASE("convolution: every length that it has up to 130 agrees with the definition, with any filter") {
  for (size_t n = 2; n <= 130; ++n) {
    if (!smx::IsFftLength(n)) continue;
    CAPTURE(n);
    const AlignedBytes memory(static_cast<size_t>(Convolution::BytesFor(n).value()));
    FftRoom room(memory.data());
    Convolution convolution;
    REQUIRE(convolution.Make(n, &room) == Status::kOk);
    CHECK(room.Take(0) == memory.data() + memory.size());
    std::vector<Complex> filter = SomeNumbers(n);
    std::reverse(filter.begin(), filter.end());
    const std::vector<Complex> values = SomeNumbers(n);
    std::copy(filter.begin(), filter.end(), convolution.values());
    convolution.SetFilter();
    std::copy(values.begin(), values.end(), convolution.values());
    convolution.Run();
    for (size_t k = 0; k < n; ++k) {
      double re = 0, im = 0;
      for (size_t j = 0; j < n; ++j) {
        const Complex a = filter[(n + k - j) % n], b = values[j];
        re += static_cast<double>(a.re * b.re - a.im * b.im);  // whole numbers: exact
        im += static_cast<double>(a.re * b.im + a.im * b.re);
      }
      CHECK(std::hypot(re - static_cast<double>(convolution.values()[k].re),
                       im - static_cast<double>(convolution.values()[k].im)) < 2e-5 * static_cast<double>(n));
    }
  }
}

TEST_CASE(
    "fft lengths: no factors above 5, with which the library would call the heap; ends of convolutions are apart") {
  for (size_t n = 1; n <= 2000; ++n) {
    CAPTURE(n);
    size_t rest = n;
    for (const size_t factor : {size_t{2}, size_t{3}, size_t{5}}) {
      while (rest % factor == 0) rest /= factor;
    }
    CHECK(smx::IsFftLength(n) == (rest == 1 && n > 1));
    const size_t length = smx::ConvolutionLength(n);
    CHECK(smx::IsFftLength(length));
    CHECK(length >= 2 * n - 1);
    for (size_t shorter = std::max(2 * n - 1, size_t{2}); shorter < length; ++shorter) {
      CHECK_FALSE(smx::IsFftLength(shorter));
    }
    CHECK(smx::ToeplitzLength(n, false) == length);
    CHECK(smx::ToeplitzLength(n, true) == (smx::IsFftLength(n) ? n : length));
  }
}

TEST_CASE("fft: the library passes the check that sessions put it to") {
  const smx::Result<bool> is_right = smx::FftIsRight();
  REQUIRE(is_right.ok());
  CHECK(is_right.value());
}

TEST_CASE("fft: the check finds one wrong number of a transform, and what is no number") {
  const auto is_right = [](smx::CheckedFftFn run) {
    const smx::Result<bool> result = smx::FftIsRight(run);
    REQUIRE(result.ok());
    return result.value();
  };
  CHECK_FALSE(is_right([](const Fft& fft, const Complex* in, Complex* out) {
    fft.Run(in, out);
    out[6].im += 0.01f;
  }));
  CHECK_FALSE(is_right([](const Fft& fft, const Complex* in, Complex* out) {
    fft.Run(in, out);
    out[0].re = std::nanf("");
  }));
}
