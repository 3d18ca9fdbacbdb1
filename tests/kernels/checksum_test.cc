// The int8 kernels of ours give the same bits with every compiler, optimization and processor: the checksums below were
// made once and hold everywhere.

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include <doctest/doctest.h>

#include "kernels/fourier.h"
#include "kernels/product.h"

using smx::DenseMat;
using smx::ProductWeights;
using smx::RowQuantization;
using smx::WeightType;

namespace {

/// FNV-1a, 64 bits, of values in little-endian order.
class Checksum {
 public:
  void Add(int8_t value) { AddByte(static_cast<uint8_t>(value)); }
  void Add(int32_t value) {
    const uint32_t bits = static_cast<uint32_t>(value);
    for (int shift = 0; shift < 32; shift += 8) AddByte(static_cast<uint8_t>(bits >> shift));
  }
  /// Processors disagree about the sign and the payload of NaN, and may.
  void Add(float value) {
    int32_t bits = 0x7fc00000;
    if (!std::isnan(value)) std::memcpy(&bits, &value, sizeof(bits));
    Add(bits);
  }
  uint64_t value() const { return value_; }

 private:
  void AddByte(uint8_t byte) { value_ = (value_ ^ byte) * 0x100000001b3u; }
  uint64_t value_ = 0xcbf29ce484222325u;
};

/// Numbers without a library behind them.
class Numbers {
 public:
  explicit Numbers(uint64_t seed) : state_(seed) {}

  uint32_t Next() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<uint32_t>(state_ >> 32);
  }
  /// Any bits: NaN of all kinds, infinities, subnormals and all magnitudes.
  float AnyFloat() {
    const uint32_t bits = Next();
    float value = 0;
    std::memcpy(&value, &bits, sizeof(value));
    return value;
  }
  /// -1 .. 1 in steps that float holds exactly.
  float Small() { return static_cast<float>(static_cast<int32_t>(Next() >> 8) - (1 << 23)) * (1.0f / (1 << 23)); }
  int8_t Int8() { return static_cast<int8_t>(static_cast<int>(Next() >> 24) - 128); }

 private:
  uint64_t state_;
};

/// Rows that are easy to get wrong, then ordinary ones of all magnitudes, then random bits.
std::vector<std::vector<float>> RowsToQuantize() {
  using Limits = std::numeric_limits<float>;
  const float inf = Limits::infinity(), nan = Limits::quiet_NaN(), tiny = Limits::denorm_min(), least = Limits::min();
  const float most = Limits::max();
  std::vector<std::vector<float>> rows = {{0.0f, -0.0f, 0.0f},
                                          {nan, nan},
                                          {nan, 1.0f, -1.0f, 0.5f},
                                          {inf, 1.0f, 0.0f},
                                          {-inf, inf, nan, 1.0f},
                                          {-inf, -1.0f},
                                          {tiny, -tiny, 3 * tiny},
                                          {least, tiny, -least / 2},
                                          {most, -most, 1.0f},
                                          {1e38f, 9e37f, -1.0f},
                                          {1e-30f, -1e-31f},
                                          {1.0f},
                                          {-1.0f},
                                          {127.5f, -127.5f, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f},
                                          {255.0f, 0.5f, 1.5f, 2.5f, 3.5f, 254.5f},
                                          {-255.0f, -0.5f, -1.5f, -2.5f, -254.5f}};
  Numbers numbers(1);
  for (int exponent = -40; exponent <= 38; ++exponent) {
    std::vector<float> row;
    // std::pow may round differently from one library to the next; multiplying by ten does not.
    float magnitude = 1.0f;
    for (int i = 0; i < std::abs(exponent); ++i) magnitude = exponent < 0 ? magnitude / 10.0f : magnitude * 10.0f;
    for (int i = 0; i < 37; ++i) row.push_back(numbers.Small() * magnitude);
    rows.push_back(row);
  }
  for (int i = 0; i < 200; ++i) {
    std::vector<float> row;
    for (size_t k = 1 + numbers.Next() % 70; k > 0; --k) row.push_back(numbers.AnyFloat());
    rows.push_back(row);
  }
  return rows;
}

/// The checksum of one product [rows, inputs] x [inputs, outputs] of made-up numbers.
uint64_t ProductChecksum(size_t rows, size_t inputs, size_t outputs, bool outputs_first, bool has_bias) {
  Numbers numbers(rows * 1000003 + inputs * 1009 + outputs);
  std::vector<int8_t> x(rows * inputs), kernel(inputs * outputs);
  std::vector<RowQuantization> params(rows);
  std::vector<float> scales(outputs), bias(outputs), out(rows * outputs);
  for (int8_t& value : x) value = numbers.Int8();
  for (int8_t& value : kernel) value = numbers.Int8();
  for (RowQuantization& row : params) row = {numbers.Int8(), 0.01f + 0.001f * std::fabs(numbers.Small())};
  for (float& value : scales) value = 0.001f + std::fabs(numbers.Small());
  for (float& value : bias) value = numbers.Small() * 10.0f;
  if (rows > 2) {
    params[0].scale = 1e-30f;
    params[rows - 1].scale = std::numeric_limits<float>::max();
  }
  ProductWeights weights;
  weights.type = WeightType::kQc8w;
  weights.outputs_first = outputs_first;
  weights.inputs = inputs;
  weights.outputs = outputs;
  weights.stride = outputs_first ? inputs : outputs;
  weights.kernel = kernel.data();
  weights.scales = scales.data();
  weights.bias = has_bias ? bias.data() : nullptr;
  smx::Product_qd8_f32_qc8w__reference(DenseMat<const int8_t>(x.data(), rows, inputs), params.data(), weights,
                                       DenseMat(out.data(), rows, outputs));
  Checksum checksum;
  for (const float value : out) checksum.Add(value);
  return checksum.value();
}

}  // namespace

TEST_CASE("checksum: rows are quantized to the same bits everywhere") {
  Checksum checksum;
  for (const std::vector<float>& row : RowsToQuantize()) {
    std::vector<int8_t> out(row.size());
    RowQuantization params;
    smx::QuantizeRows_f32_qd8__reference(DenseMat(row.data(), 1, row.size()), nullptr,
                                         DenseMat(out.data(), 1, out.size()), &params);
    checksum.Add(params.zero_point);
    checksum.Add(params.scale);
    for (const int8_t value : out) checksum.Add(value);
  }
  CHECK(checksum.value() == 8287374812269451123u);
}

TEST_CASE("checksum: int8 products give the same bits everywhere") {
  struct Shape {
    size_t rows, inputs, outputs;
    bool outputs_first, has_bias;
    uint64_t checksum;
  };
  const Shape shapes[] = {
      {1, 1, 1, false, true, 4120774812358262221u},      {1, 1, 1, true, false, 12685307448221414187u},
      {3, 64, 5, false, true, 10516924311205704143u},    {2, 65, 17, true, true, 3623386126817391476u},
      {9, 131, 37, false, false, 13045930323385769476u}, {9, 131, 37, true, true, 14634907573573593455u},
      {4, 1023, 8, false, true, 12221688761981725439u},  {2, 65536, 2, true, false, 12236495254672042013u},
  };
  for (const Shape& s : shapes) {
    CAPTURE(s.rows);
    CAPTURE(s.inputs);
    CAPTURE(s.outputs_first);
    CHECK(ProductChecksum(s.rows, s.inputs, s.outputs, s.outputs_first, s.has_bias) == s.checksum);
  }
}

TEST_CASE(
    "checksum: int8 matrices of Fourier transforms are the same everywhere, whatever a library's sine rounds to") {
  Checksum checksum;
  for (size_t n = 1; n <= 600; n += n < 130 ? 1 : 47) {
    std::vector<float> twiddles(2 * n);
    smx::MakeTwiddles(n, twiddles.data(), twiddles.data() + n);
    for (const smx::DftPart part : {smx::DftPart::kCosines, smx::DftPart::kSines}) {
      const bool is_sine = part == smx::DftPart::kSines;
      const size_t size = is_sine ? smx::OddLength(n) : smx::EvenLength(n);
      std::vector<int8_t> matrix(size * size);
      smx::FillDftMatrix(twiddles.data() + (is_sine ? n : 0), n, part, DenseMat(matrix.data(), size, size));
      for (const int8_t value : matrix) checksum.Add(value);
    }
  }
  CHECK(checksum.value() == 8832191356664322514u);
}
