#include <algorithm>
#include <cmath>
#include <limits>

#include "backends/product.h"
#include "base/cpu_features.h"
#include "base/fixed_array.h"
#include "base/log.h"
#include "kernels/activations.h"

namespace smx {
namespace {

// Odd numbers, so that every kernel has remainders to get right, and inputs that are whole tiles; more inputs than 64,
// where the known bug begins.
constexpr size_t kInputCounts[] = {131, 128};
constexpr size_t kOutputs = 37;
constexpr size_t kMaxRows = 45;  // more than tiles take at a time

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

  Status Fill(size_t inputs, bool outputs_first) {
    SMX_TRY(x.Allocate(kMaxRows * inputs + kExtraInputBytes));
    SMX_TRY(kernel.Allocate(inputs * kOutputs));
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
    weights.inputs = inputs;
    weights.outputs = kOutputs;
    weights.stride = static_cast<ptrdiff_t>(outputs_first ? inputs : kOutputs);
    weights.kernel = kernel.data();
    weights.scales = scales.data();
    weights.bias = bias.data();
    return Status::kOk;
  }
};

Status CheckInt8Product(CheckedProductFn product, size_t inputs, bool outputs_first, const Log& log) {
  Case c;
  SMX_TRY(c.Fill(inputs, outputs_first));
  // Most rows first: RepeatLastRow overwrites entries that fewer rows do not read.
  for (const size_t rows : {kMaxRows, size_t{7}, size_t{1}}) {
    const Mat<const int8_t> x = DenseMat<const int8_t>(c.x.data(), rows, inputs);
    const MatF out = DenseMat(c.out.data(), rows, kOutputs);
    const MatF expected = DenseMat(c.expected.data(), rows, kOutputs);
    RepeatLastRow(c.params.data(), rows);
    std::fill(c.out.begin(), c.out.end(), std::numeric_limits<float>::quiet_NaN());
    SMX_TRY(product(c.weights, x, c.params.data(), out, log));
    Product_qd8_f32_qc8w__reference(x, c.params.data(), c.weights, expected);
    for (size_t i = 0; i < rows * kOutputs; ++i) {
      // The sums are exact in int32; what is left is the rounding of two scales and a bias.
      const float bound = 1e-5f * (std::fabs(expected.data[i]) + 0.01f);
      if (std::fabs(out.data[i] - expected.data[i]) <= bound) continue;
      return Fail(log, Status::kBackendFailure,
                  "int8 product [%zu,%zu] x [%zu,%zu]%s: value %zu is %.9g, the reference has %.9g", rows, inputs,
                  inputs, kOutputs, outputs_first ? " transposed" : "", i, static_cast<double>(out.data[i]),
                  static_cast<double>(expected.data[i]));
    }
  }
  return Status::kOk;
}

/// Against what it says to be: the reference kernels on the transposes.
Status CheckProductOfColumns(const KernelTable& kernels, size_t inputs, const Log& log) {
  Case c;
  SMX_TRY(c.Fill(inputs, /*outputs_first=*/true));
  constexpr size_t kCols = 70;  // more than two panels
  FixedArray<float> x, transposed, out, expected, room;
  FixedArray<int8_t> values;
  FixedArray<RowQuantization> params;
  SMX_TRY(x.Allocate(inputs * kCols));
  SMX_TRY(transposed.Allocate(inputs * kCols));
  SMX_TRY(values.Allocate(inputs * kCols));
  SMX_TRY(params.Allocate(kCols));
  SMX_TRY(out.Allocate(kOutputs * kCols));
  SMX_TRY(expected.Allocate(kCols * kOutputs));
  SMX_TRY(room.Allocate(NumPanels(kCols) * ColumnPanelBytes(inputs) / sizeof(float)));
  Sequence sequence;
  for (float& value : x) value = static_cast<float>(sequence.NextInt8()) * 0.01f;
  Transpose_f32__reference(DenseMat<const float>(x.data(), inputs, kCols), DenseMat(transposed.data(), kCols, inputs));
  const Mat<int8_t> rows = DenseMat(values.data(), kCols, inputs);
  QuantizeRows_f32_qd8__reference(DenseMat<const float>(transposed.data(), kCols, inputs), nullptr, rows,
                                  params.data());
  Product_qd8_f32_qc8w__reference(rows, params.data(), c.weights, DenseMat(expected.data(), kCols, kOutputs));
  int32_t row_sums[kOutputs];
  kernels.sum_rows(c.kernel.data(), static_cast<ptrdiff_t>(inputs), kOutputs, inputs, row_sums);
  kernels.product_of_columns(DenseMat<const float>(x.data(), inputs, kCols), c.weights, row_sums, 0, NumPanels(kCols),
                             reinterpret_cast<uint8_t*>(room.data()), DenseMat(out.data(), kOutputs, kCols));
  for (size_t n = 0; n < kOutputs; ++n) {
    for (size_t col = 0; col < kCols; ++col) {
      const float value = out[n * kCols + col], right = expected[col * kOutputs + n];
      if (value == right) continue;
      return Fail(log, Status::kBackendFailure,
                  "int8 product of columns [%zu,%zu] x [%zu,%zu]: value %zu,%zu is %.9g, the reference has %.9g",
                  kOutputs, inputs, inputs, kCols, n, col, static_cast<double>(value), static_cast<double>(right));
    }
  }
  return Status::kOk;
}

}  // namespace

Status CheckInt8Product(CheckedProductFn product, bool outputs_first, const Log& log) {
  for (const size_t inputs : kInputCounts) SMX_TRY(CheckInt8Product(product, inputs, outputs_first, log));
  return Status::kOk;
}

Status CheckProductOfColumns(const KernelTable& kernels, const Log& log) {
  for (const size_t inputs : kInputCounts) SMX_TRY(CheckProductOfColumns(kernels, inputs, log));
  return Status::kOk;
}

Status ChooseRightProducts(Span<const Int8Candidate> candidates, const Log& log, Int8Products* chosen) {
  *chosen = Int8Products::kReference;
  for (const Int8Candidate& candidate : candidates) {
    const Status checked = candidate.check(log);
    if (checked == Status::kOk) {
      *chosen = candidate.kind;
      return Status::kOk;
    }
    if (checked == Status::kUnsupported) continue;
    if (checked != Status::kBackendFailure) return checked;
    LogF(log, "%s: its int8 product is wrong on this machine (%s); the next best compute instead", candidate.library,
         IsaName());
  }
  return Status::kOk;
}

}  // namespace smx
