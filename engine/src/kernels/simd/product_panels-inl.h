// Products with packed int8 weights, for instruction sets that add four products of bytes to an int32 in one step.

#if defined(SMX_KERNELS_SIMD_PRODUCT_PANELS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SMX_KERNELS_SIMD_PRODUCT_PANELS_INL_H_
#undef SMX_KERNELS_SIMD_PRODUCT_PANELS_INL_H_
#else
#define SMX_KERNELS_SIMD_PRODUCT_PANELS_INL_H_
#endif

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "kernels/product_panels.h"
#include "kernels/simd/vectors-inl.h"

#if HWY_TARGET == HWY_AVX3_DL

HWY_BEFORE_NAMESPACE();
namespace smx {
namespace HWY_NAMESPACE {

using Int8s = hn::Repartition<int8_t, F>;
using Uint8s = hn::Repartition<uint8_t, F>;

inline constexpr size_t kPanelVectors = kPanelOutputs / kWidth;

/// The outputs of a panel.
struct PanelColumns {
  const uint8_t* panel;
  size_t groups;  // of kPanelInputs inputs
  const int32_t* sums;
  size_t count;         // outputs that there are
  const float* scales;  // [kPanelOutputs]
  const float* bias;    // the same
};

/// Rows to be multiplied, and what becomes of their sums.
struct PanelRows {
  const int8_t* x;
  size_t stride;
  const RowQuantization* params;
  const int32_t* offsets;  // kPanelOffset times the sum of a row's values
  float* out;              // the panel's first column
  size_t out_stride;
};

HWY_INLINE int32_t SumOfRow(const int8_t* row, size_t n) {
  const Int8s int8s;
  const auto ones = hn::Set(Uint8s(), uint8_t{1});
  VecI sums = hn::Zero(kI);
  for (size_t k = 0; k < n; k += hn::MaxLanes(int8s)) {
    const size_t count = n - k;
    const auto values = count < hn::MaxLanes(int8s) ? hn::LoadN(int8s, row + k, count) : hn::LoadU(int8s, row + k);
    sums = hn::SumOfMulQuadAccumulate(kI, ones, values, sums);
  }
  return hn::ReduceSum(kI, sums);
}

/// Sums [num_rows, kPanelOutputs] of values as they are stored become outputs.
inline HWY_NOINLINE void FinishPanelSums(const int32_t* sums, const PanelRows& rows, size_t num_rows,
                                         const PanelColumns& columns) {
  HWY_UNROLL(8) for (size_t i = 0; i < kPanelVectors; ++i) {
    const size_t c = i * kWidth;
    const auto exists = hn::FirstN(kF, columns.count - std::min(c, columns.count));
    const VecI column_sums = hn::LoadU(kI, columns.sums + c);
    const Vec scales = hn::LoadU(kF, columns.scales + c), bias = hn::LoadU(kF, columns.bias + c);
    for (size_t r = 0; r < num_rows; ++r) {
      const RowQuantization params = rows.params[r];
      const VecI stored = hn::Sub(hn::LoadU(kI, sums + r * kPanelOutputs + c), hn::Set(kI, rows.offsets[r]));
      const VecI sum = hn::Sub(stored, hn::Mul(column_sums, hn::Set(kI, params.zero_point)));
      const Vec value = hn::Mul(hn::Mul(hn::ConvertTo(kF, sum), Set(params.scale)), scales);
      hn::BlendedStore(hn::Add(value, bias), exists, kF, rows.out + r * rows.out_stride + c);
    }
  }
}

constexpr size_t kGroupBytes = kPanelOutputs * kPanelInputs;
constexpr size_t kLineBytes = 64;

/// What is fetched while rows are multiplied: for every group so many lines.
struct Fetched {
  const uint8_t* from;
  size_t lines_per_group;
};

HWY_INLINE VecI AddProducts(const uint8_t* weights, const int8_t* values, VecI sums) {
  int32_t four = 0;
  std::memcpy(&four, values, sizeof(four));
  return hn::SumOfMulQuadAccumulate(kI, hn::LoadU(Uint8s(), weights), hn::BitCast(Int8s(), hn::Set(kI, four)), sums);
}

/// A step of a sum waits for the one before it: where there are few rows, `kChains` groups go to sums of their own.
template <size_t kRows, size_t kChains>
HWY_NOINLINE void MultiplyPanel(const PanelRows& rows, const PanelColumns& columns, Fetched fetched) {
  constexpr size_t kVectorBytes = kWidth * kPanelInputs;
  constexpr size_t kSums = kRows * kPanelVectors;
  VecI sums[kChains * kSums];
  HWY_UNROLL(32) for (size_t i = 0; i < kChains * kSums; ++i) sums[i] = hn::Zero(kI);
  size_t group = 0;
  for (; group + kChains <= columns.groups; group += kChains) {
    const uint8_t* const weights = columns.panel + group * kGroupBytes;
    const int8_t* const values = rows.x + group * kPanelInputs;
    for (size_t line = 0; line < kChains * fetched.lines_per_group; ++line, fetched.from += kLineBytes) {
      __builtin_prefetch(fetched.from, 0, 2);  // into the second level: a panel may be larger than the first
    }
    HWY_UNROLL(32) for (size_t i = 0; i < kChains * kSums; ++i) {
      const size_t chain = i / kSums, r = i % kSums / kPanelVectors, vector = i % kPanelVectors;
      sums[i] = AddProducts(weights + chain * kGroupBytes + vector * kVectorBytes,
                            values + chain * kPanelInputs + r * rows.stride, sums[i]);
    }
  }
  if constexpr (kChains > 1) {
    for (; group < columns.groups; ++group) {
      HWY_UNROLL(32) for (size_t i = 0; i < kSums; ++i) {
        sums[i] = AddProducts(columns.panel + group * kGroupBytes + i % kPanelVectors * kVectorBytes,
                              rows.x + group * kPanelInputs + i / kPanelVectors * rows.stride, sums[i]);
      }
    }
    HWY_UNROLL(32) for (size_t i = kSums; i < kChains * kSums; ++i) sums[i % kSums] = hn::Add(sums[i % kSums], sums[i]);
  }
  // Through memory: with more to do behind the loop GCC keeps copies of the sums in it.
  int32_t stored[kSums * kWidth];
  HWY_UNROLL(32) for (size_t i = 0; i < kSums; ++i) hn::StoreU(sums[i], kI, stored + i * kWidth);
  FinishPanelSums(stored, rows, kRows, columns);
}

/// As many rows at a time as registers hold sums of, the rest in smaller steps. The panel `next`, unless it is null, is
/// fetched meanwhile: with the first two steps, as memory gives it no faster; or with the only one.
HWY_INLINE void MultiplyPanelByRows(PanelRows rows, size_t count, const PanelColumns& columns, const uint8_t* next) {
  constexpr size_t kMostRows = 12;
  const size_t all_lines = next == nullptr ? 0 : columns.groups * (kGroupBytes / kLineBytes);
  const size_t lines_per_step = count > kMostRows ? (all_lines + 1) / 2 : all_lines;
  size_t lines = 0;
  const auto step = [&](size_t n, void (*multiply)(const PanelRows&, const PanelColumns&, Fetched)) {
    while (count >= n) {
      const Fetched fetched = {next + lines * kLineBytes, lines < all_lines ? lines_per_step / columns.groups : 0};
      lines += lines_per_step;
      multiply(rows, columns, fetched);
      rows.x += n * rows.stride;
      rows.params += n;
      rows.offsets += n;
      rows.out += n * rows.out_stride;
      count -= n;
    }
  };
  step(kMostRows, MultiplyPanel<kMostRows, 1>);
  step(8, MultiplyPanel<8, 1>);
  step(4, MultiplyPanel<4, 2>);
  step(2, MultiplyPanel<2, 4>);
  step(1, MultiplyPanel<1, 4>);
}

/// `values` from c on as kPanelOutputs of them: where there are only `count`, or one for all, or none, in `room`.
HWY_INLINE const float* OfColumns(const float* values, bool is_one, size_t c, size_t count, float* room) {
  if (values != nullptr && !is_one && count == kPanelOutputs) return values + c;
  for (size_t n = 0; n < kPanelOutputs; ++n) {
    room[n] = values == nullptr || n >= count ? 0.0f : values[is_one ? 0 : c + n];
  }
  return room;
}

inline void ProductPanels(Mat<const int8_t> x, const RowQuantization* params, const ProductWeights& weights,
                          const uint8_t* panels, size_t first, size_t count, MatF out) {
  constexpr size_t kTileRows = 128;  // stay in the cache from panel to panel
  const size_t panel_bytes = PanelBytes(weights.inputs);
  const auto* const sums = reinterpret_cast<const int32_t*>(panels + NumPanels(weights.outputs) * panel_bytes);
  for (size_t tile = 0; tile < x.rows; tile += kTileRows) {
    const size_t num_rows = std::min(kTileRows, x.rows - tile);
    int32_t offsets[kTileRows];
    for (size_t r = 0; r < num_rows; ++r) offsets[r] = kPanelOffset * SumOfRow(x.Row(tile + r), weights.inputs);
    for (size_t p = first; p < first + count; ++p) {
      const uint8_t* const panel = panels + p * panel_bytes;
      const size_t c = p * kPanelOutputs;
      const uint8_t* const next = p + 1 < first + count ? panel + panel_bytes : nullptr;
      const size_t columns_here = std::min(kPanelOutputs, weights.outputs - c);
      float scales[kPanelOutputs], bias[kPanelOutputs];
      const PanelColumns columns = {panel,
                                    panel_bytes / kGroupBytes,
                                    sums + c,
                                    columns_here,
                                    OfColumns(weights.scales, weights.has_one_scale, c, columns_here, scales),
                                    OfColumns(weights.bias, false, c, columns_here, bias)};
      const PanelRows rows = {x.Row(tile), x.stride, params + tile, offsets, out.Row(tile) + c, out.stride};
      MultiplyPanelByRows(rows, num_rows, columns, next);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace smx
HWY_AFTER_NAMESPACE();

#endif  // HWY_AVX3_DL

#endif  // SMX_KERNELS_SIMD_PRODUCT_PANELS_INL_H_
