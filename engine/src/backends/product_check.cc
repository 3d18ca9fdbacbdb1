#include <cmath>

#include "backends/product.h"
#include "base/fixed_array.h"
#include "base/log.h"

namespace smx {
namespace {

// Odd numbers, so that every kernel has remainders to get right; more inputs than 64, where the known bug begins.
constexpr size_t kInputs = 131;
constexpr size_t kOutputs = 37;
constexpr size_t kMaxRows = 9;

/// Numbers that look random and are the same everywhere.
class Sequence {
 public:
  int8_t NextInt8() { return static_cast<int8_t>(static_cast<int>(Next() % 255u) - 127); }
  float NextScale() { return 0.001f + static_cast<float>(Next() % 1000u) * 1e-5f; }

 private:
  uint32_t Next() {
    state_ = state_ * 1664525u + 1013904223u;
    return state_ >> 8;
  }
  uint32_t state_ = 1;
};

/// One made-up product with all its numbers.
struct Case {
  FixedArray<int8_t> x, kernel;
  FixedArray<RowQuantization> params;
  FixedArray<float> scales, bias, out, expected;
  ProductWeights weights;

  Status Fill(bool outputs_first) {
    SMX_TRY(x.Allocate(kMaxRows * kInputs + kExtraInputBytes));
    SMX_TRY(kernel.Allocate(kInputs * kOutputs));
    SMX_TRY(params.Allocate(kMaxRows + kExtraInputRows));
    SMX_TRY(scales.Allocate(kOutputs));
    SMX_TRY(bias.Allocate(kOutputs));
    SMX_TRY(out.Allocate(kMaxRows * kOutputs));
    SMX_TRY(expected.Allocate(kMaxRows * kOutputs));
    Sequence sequence;
    for (int8_t& value : x) value = sequence.NextInt8();
    for (int8_t& value : kernel) value = sequence.NextInt8();
    for (RowQuantization& row : params) row = {sequence.NextInt8(), sequence.NextScale()};
    for (float& value : scales) value = sequence.NextScale();
    for (float& value : bias) value = sequence.NextScale();
    weights.type = WeightType::kQc8w;
    weights.outputs_first = outputs_first;
    weights.inputs = kInputs;
    weights.outputs = kOutputs;
    weights.stride = outputs_first ? kInputs : kOutputs;
    weights.kernel = kernel.data();
    weights.scales = scales.data();
    weights.bias = bias.data();
    return Status::kOk;
  }
};

}  // namespace

Status CheckInt8Product(CheckedProductFn product, bool outputs_first, const Log& log) {
  Case c;
  SMX_TRY(c.Fill(outputs_first));
  // Most rows first: RepeatLastRow overwrites entries that fewer rows do not read.
  for (const size_t rows : {kMaxRows, size_t{1}}) {
    const Mat<const int8_t> x = DenseMat<const int8_t>(c.x.data(), rows, kInputs);
    const MatF out = DenseMat(c.out.data(), rows, kOutputs);
    const MatF expected = DenseMat(c.expected.data(), rows, kOutputs);
    RepeatLastRow(c.params.data(), rows);
    SMX_TRY(product(c.weights, x, c.params.data(), out, log));
    Product_qd8_f32_qc8w__reference(x, c.params.data(), c.weights, expected);
    for (size_t i = 0; i < rows * kOutputs; ++i) {
      // The sums are exact in int32; what is left is the rounding of two scales and a bias.
      const float bound = 1e-5f * (std::fabs(expected.data[i]) + 0.01f);
      if (std::fabs(out.data[i] - expected.data[i]) <= bound) continue;
      return Fail(log, Status::kBackendFailure,
                  "int8 product [%zu,%zu] x [%zu,%zu]%s: value %zu is %.9g, the reference has %.9g", rows, kInputs,
                  kInputs, kOutputs, outputs_first ? " transposed" : "", i, static_cast<double>(out.data[i]),
                  static_cast<double>(expected.data[i]));
    }
  }
  return Status::kOk;
}

}  // namespace smx
