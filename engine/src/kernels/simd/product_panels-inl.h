// Products with packed int8 weights, for instruction sets that add four products of bytes to an int32 in one step.

#if defined(SMX_KERNELS_SIMD_PRODUCT_PANELS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SMX_KERNELS_SIMD_PRODUCT_PANELS_INL_H_
#undef SMX_KERNELS_SIMD_PRODUCT_PANELS_INL_H_
#else
#define SMX_KERNELS_SIMD_PRODUCT_PANELS_INL_H_
#endif

#include <algorithm>
#include <cstdint>

#include "kernels/product_panels.h"
#include "kernels/simd/multiply_panel-inl.h"
#include "kernels/simd/product-inl.h"
#include "kernels/simd/vectors-inl.h"

#if HWY_TARGET == HWY_AVX3_DL

HWY_BEFORE_NAMESPACE();
namespace smx {
namespace HWY_NAMESPACE {

/// So many rows stay in the cache from panel to panel.
constexpr size_t kCachedRows = 128;

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

inline void SumRows(const int8_t* x, ptrdiff_t stride, size_t rows, size_t cols, int32_t* sums) {
  for (size_t r = 0; r < rows; ++r) sums[r] = SumOfRow(x + static_cast<ptrdiff_t>(r) * stride, cols);
}

/// The outputs of a panel of weights.
struct PanelColumns {
  const int32_t* sums;
  size_t count;         // outputs that there are
  const float* scales;  // [kPanelOutputs]
  const float* bias;    // the same
};

/// What becomes of the sums of rows.
struct PanelOutputs {
  const RowQuantization* params;
  const int32_t* row_sums;
  float* out;  // the panel's first column
  size_t stride;
};

inline HWY_NOINLINE void FinishPanelSums(const int32_t* sums, const PanelOutputs& outputs, size_t first,
                                         size_t num_rows, const PanelColumns& columns) {
  HWY_UNROLL(8) for (size_t i = 0; i < kPanelVectors; ++i) {
    const size_t c = i * kWidth;
    const auto exists = hn::FirstN(kF, columns.count - std::min(c, columns.count));
    const VecI column_sums = hn::LoadU(kI, columns.sums + c);
    const Vec scales = hn::LoadU(kF, columns.scales + c), bias = hn::LoadU(kF, columns.bias + c);
    for (size_t r = 0; r < num_rows; ++r) {
      const RowQuantization params = outputs.params[first + r];
      const VecI offset = hn::Set(kI, kPanelOffset * outputs.row_sums[first + r]);
      const VecI stored = hn::Sub(hn::LoadU(kI, sums + r * kPanelOutputs + c), offset);
      const VecI sum = hn::Sub(stored, hn::Mul(column_sums, hn::Set(kI, params.zero_point)));
      const Vec value = hn::Mul(hn::Mul(hn::ConvertTo(kF, sum), Set(params.scale)), scales);
      hn::BlendedStore(hn::Add(value, bias), exists, kF, outputs.out + (first + r) * outputs.stride + c);
    }
  }
}

/// `values` from c on as kPanelOutputs of them: where there are only `count`, or one for all, or none, in `room`.
HWY_INLINE const float* OfColumns(const float* values, bool is_one, size_t c, size_t count, float* room) {
  if (values != nullptr && !is_one && count == kPanelOutputs) return values + c;
  for (size_t n = 0; n < kPanelOutputs; ++n) {
    room[n] = values == nullptr || n >= count ? 0.0f : values[is_one ? 0 : c + n];
  }
  return room;
}

/// Asks for what FinishPanelSums needs of the panel whose first output is c: it lies apart from the weights.
HWY_INLINE void FetchColumns(const ProductWeights& weights, const int32_t* sums, size_t c) {
  const size_t count = std::min(kPanelOutputs, weights.outputs - c);
  for (size_t i = 0; i < count; i += kWidth) {
    __builtin_prefetch(sums + c + i);
    if (!weights.has_one_scale) __builtin_prefetch(weights.scales + c + i);
    if (weights.bias != nullptr) __builtin_prefetch(weights.bias + c + i);
  }
}

/// Panels that one call multiplies with.
struct PanelShare {
  bool has_tiles;
  size_t first;
  size_t count;
};

/// The next panel is fetched whoever computes it: mostly this thread goes on with it, in the next part.
inline HWY_NOINLINE void MultiplyPanels(PanelShare share, const PanelInput& in, const ProductWeights& weights,
                                        const uint8_t* panels, MatF out) {
  const Mat<const int8_t>& x = in.x;
  const size_t panel_bytes = PanelBytes(weights.inputs);
  const size_t num_panels = NumPanels(weights.outputs);
  const auto* const sums = reinterpret_cast<const int32_t*>(panels + num_panels * panel_bytes);
  for (size_t tile = 0; tile < x.rows; tile += kCachedRows) {
    const size_t num_rows = std::min(kCachedRows, x.rows - tile);
    const PanelMultiplier multiplier(share.has_tiles, num_rows, weights.inputs);
    for (size_t p = share.first; p < share.first + share.count; ++p) {
      const uint8_t* const panel = panels + p * panel_bytes;
      const size_t c = p * kPanelOutputs;
      const size_t columns_here = std::min(kPanelOutputs, weights.outputs - c);
      float scales[kPanelOutputs], bias[kPanelOutputs];
      const PanelColumns columns = {sums + c, columns_here,
                                    OfColumns(weights.scales, weights.has_one_scale, c, columns_here, scales),
                                    OfColumns(weights.bias, false, c, columns_here, bias)};
      if (p + 1 < num_panels) FetchColumns(weights, sums, c + kPanelOutputs);
      const PanelOutputs outputs = {in.params + tile, in.row_sums + tile, out.Row(tile) + c, out.stride};
      multiplier.Multiply(
          {x.Row(tile), static_cast<ptrdiff_t>(x.stride)}, PanelOf(panel, weights.inputs),
          p + 1 < num_panels ? panel + panel_bytes : nullptr,
          [&](size_t r, size_t n, const int32_t* of_rows) { FinishPanelSums(of_rows, outputs, r, n, columns); });
    }
  }
}

inline void ProductPanels(const PanelInput& in, const ProductWeights& weights, const uint8_t* panels, size_t first,
                          size_t count, MatF out) {
  MultiplyPanels({/*has_tiles=*/false, first, count}, in, weights, panels, out);
}

inline void ProductPanelsWithTiles(const PanelInput& in, const ProductWeights& weights, const uint8_t* panels,
                                   size_t first, size_t count, MatF out) {
  MultiplyPanels({/*has_tiles=*/true, first, count}, in, weights, panels, out);
}

/// Columns of activations as a panel.
struct ColumnPanel {
  uint8_t* values;
  float* scales;     // [kPanelOutputs]
  int32_t* offsets;  // [kPanelOutputs], what 0 is stored as
};

HWY_INLINE ColumnPanel ColumnPanelOf(uint8_t* room, size_t inputs, size_t p) {
  uint8_t* const values = room + p * ColumnPanelBytes(inputs);
  auto* const scales = reinterpret_cast<float*>(values + PanelBytes(inputs));
  return {values, scales, reinterpret_cast<int32_t*>(scales + kPanelOutputs)};
}

/// The columns of x from c on, `count` or as many as a panel has, each quantized as QuantizeRows does a row.
inline void QuantizeColumns(ConstMatF x, size_t c, size_t count, ColumnPanel panel) {
  const auto value = [&](size_t k, size_t i) {
    const size_t first = i * kWidth;
    return NanToZero(Load(x.Row(k) + c + first, std::min(kWidth, count - std::min(first, count))));
  };
  Vec min[kPanelVectors], max[kPanelVectors];
  for (size_t i = 0; i < kPanelVectors; ++i) min[i] = max[i] = hn::Zero(kF);
  for (size_t k = 0; k < x.rows; ++k) {
    HWY_UNROLL(8) for (size_t i = 0; i < kPanelVectors; ++i) {
      const Vec v = value(k, i);
      min[i] = hn::Min(min[i], v);
      max[i] = hn::Max(max[i], v);
    }
  }
  for (size_t i = 0; i < kPanelVectors; ++i) {
    const Quantizations params = QuantizationsOf(min[i], max[i]);
    hn::StoreU(params.scales, kF, panel.scales + i * kWidth);
    hn::StoreU(hn::Add(params.zero_points, hn::Set(kI, kPanelOffset)), kI, panel.offsets + i * kWidth);
  }
  for (size_t i = 0; i < kPanelVectors; ++i) {
    // Rounds as QuantizeRow does.
    const Vec inverse_scale = hn::Div(Set(1.0f), hn::LoadU(kF, panel.scales + i * kWidth));
    const VecI zero = hn::Sub(hn::BitCast(kI, Set(kRound)), hn::LoadU(kI, panel.offsets + i * kWidth));
    const auto stored = [&](size_t k) {
      const Vec scaled = NanToZero(hn::Mul(value(k, i), inverse_scale));
      const VecI integers = hn::Sub(hn::BitCast(kI, hn::Add(scaled, Set(kRound))), zero);
      return hn::Min(hn::Max(integers, hn::Zero(kI)), hn::Set(kI, 255));
    };
    uint8_t* values = panel.values + i * kWidth * kPanelInputs;
    const auto store = [&values](VecI four) {
      hn::StoreU(hn::BitCast(Uint8s(), four), Uint8s(), values);
      values += kGroupBytes;
    };
    size_t k = 0;
    for (; k + kPanelInputs <= x.rows; k += kPanelInputs) {
      store(hn::Or(hn::Or(stored(k), hn::ShiftLeft<8>(stored(k + 1))),
                   hn::Or(hn::ShiftLeft<16>(stored(k + 2)), hn::ShiftLeft<24>(stored(k + 3)))));
    }
    if (k == x.rows) continue;
    VecI last = hn::Zero(kI);
    for (size_t rest = k; rest < x.rows; ++rest) {
      last = hn::Or(last, hn::Shl(stored(rest), hn::Set(kI, static_cast<int32_t>(8 * (PanelPlace(rest, x.rows) - k)))));
    }
    store(last);
  }
}

/// What becomes of the sums of constant rows with such a panel.
struct ColumnOutputs {
  const ProductWeights& weights;
  const int32_t* row_sums;
  size_t first_row;
  size_t count;  // of columns
  MatF out;      // the panel's columns
};

inline HWY_NOINLINE void FinishColumnSums(const int32_t* sums, ColumnPanel panel, const ColumnOutputs& outputs,
                                          size_t first, size_t num_rows) {
  const float* const bias = outputs.weights.bias;
  HWY_UNROLL(8) for (size_t i = 0; i < kPanelVectors; ++i) {
    const size_t c = i * kWidth;
    const auto exists = hn::FirstN(kF, outputs.count - std::min(c, outputs.count));
    const VecI offsets = hn::LoadU(kI, panel.offsets + c);
    const Vec scales = hn::LoadU(kF, panel.scales + c);
    for (size_t r = 0; r < num_rows; ++r) {
      const size_t row = outputs.first_row + first + r;
      const VecI stored = hn::LoadU(kI, sums + r * kPanelOutputs + c);
      const VecI sum = hn::Sub(stored, hn::Mul(offsets, hn::Set(kI, outputs.row_sums[first + r])));
      const Vec value = hn::Mul(hn::Mul(hn::ConvertTo(kF, sum), scales), Set(outputs.weights.Scale(row)));
      const Vec added = bias == nullptr ? hn::Zero(kF) : Set(bias[row]);
      hn::BlendedStore(hn::Add(value, added), exists, kF, outputs.out.Row(row) + c);
    }
  }
}

inline HWY_NOINLINE void MultiplyColumns(PanelShare share, ConstMatF x, const ProductWeights& weights,
                                         const int32_t* row_sums, uint8_t* room, MatF out) {
  const auto num_columns = [&](size_t p) { return std::min(kPanelOutputs, x.cols - p * kPanelOutputs); };
  for (size_t p = share.first; p < share.first + share.count; ++p) {
    QuantizeColumns(x, p * kPanelOutputs, num_columns(p), ColumnPanelOf(room, x.rows, p));
  }
  for (size_t tile = 0; tile < weights.outputs; tile += kCachedRows) {
    const size_t num_rows = std::min(kCachedRows, weights.outputs - tile);
    const PanelRows rows = {weights.Row<int8_t>(tile), weights.stride};
    const PanelMultiplier multiplier(share.has_tiles, num_rows, weights.inputs);
    for (size_t p = share.first; p < share.first + share.count; ++p) {
      const ColumnPanel panel = ColumnPanelOf(room, x.rows, p);
      const MatF columns = {out.data + p * kPanelOutputs, out.rows, num_columns(p), out.stride};
      const ColumnOutputs outputs = {weights, row_sums + tile, tile, num_columns(p), columns};
      multiplier.Multiply(
          rows, PanelOf(panel.values, weights.inputs), nullptr,
          [&](size_t r, size_t n, const int32_t* sums) { FinishColumnSums(sums, panel, outputs, r, n); });
    }
  }
}

inline void ProductOfColumns(ConstMatF x, const ProductWeights& weights, const int32_t* row_sums, size_t first,
                             size_t count, uint8_t* room, MatF out) {
  MultiplyColumns({/*has_tiles=*/false, first, count}, x, weights, row_sums, room, out);
}

inline void ProductOfColumnsWithTiles(ConstMatF x, const ProductWeights& weights, const int32_t* row_sums, size_t first,
                                      size_t count, uint8_t* room, MatF out) {
  MultiplyColumns({/*has_tiles=*/true, first, count}, x, weights, row_sums, room, out);
}

}  // namespace HWY_NAMESPACE
}  // namespace smx
HWY_AFTER_NAMESPACE();

#endif  // HWY_AVX3_DL

#endif  // SMX_KERNELS_SIMD_PRODUCT_PANELS_INL_H_
