// Sums of products of rows with a panel, for instruction sets that add four products of bytes to an int32 in one step,
// or have tiles that do.

#if defined(SMX_KERNELS_SIMD_MULTIPLY_PANEL_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SMX_KERNELS_SIMD_MULTIPLY_PANEL_INL_H_
#undef SMX_KERNELS_SIMD_MULTIPLY_PANEL_INL_H_
#else
#define SMX_KERNELS_SIMD_MULTIPLY_PANEL_INL_H_
#endif

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>

#include "kernels/product_panels.h"
#include "kernels/product_tiles.h"
#include "kernels/simd/vectors-inl.h"

#if HWY_TARGET == HWY_AVX3_DL

HWY_BEFORE_NAMESPACE();
namespace smx {
namespace HWY_NAMESPACE {

using Int8s = hn::Repartition<int8_t, F>;
using Uint8s = hn::Repartition<uint8_t, F>;

inline constexpr size_t kPanelVectors = kPanelOutputs / kWidth;
constexpr size_t kGroupBytes = kPanelOutputs * kPanelInputs;

/// A panel, and how many inputs it has: so many whole groups of kPanelInputs, and perhaps a last one of the last
/// inputs.
struct Panel {
  const uint8_t* values;
  size_t groups;
  size_t inputs;

  bool has_last_group() const { return inputs % kPanelInputs != 0; }
};

HWY_INLINE Panel PanelOf(const uint8_t* values, size_t inputs) { return {values, inputs / kPanelInputs, inputs}; }

/// Rows to be multiplied.
struct PanelRows {
  const int8_t* x;
  ptrdiff_t stride;
};

/// Of the panel `next` the share that belongs to `count` of `rows` rows, from row `first` on: lines that are asked for
/// faster than memory gives them would keep the panel itself waiting. A line that several steps share is asked for by
/// each. Null: nothing but a line that is there.
HWY_INLINE Fetched ShareOfPanel(const uint8_t* next, Panel panel, size_t first, size_t count, size_t rows) {
  if (next == nullptr) return {panel.values, 0};
  return {next + first * panel.groups * kGroupBytes / rows,
          (count * (kGroupBytes / kFetchesPerGroup) + rows - 1) / rows};
}

HWY_INLINE VecI AddProducts(const uint8_t* weights, const void* values, VecI sums) {
  int32_t four = 0;
  std::memcpy(&four, values, sizeof(four));
  return hn::SumOfMulQuadAccumulate(kI, hn::LoadU(Uint8s(), weights), hn::BitCast(Int8s(), hn::Set(kI, four)), sums);
}

/// Of a row only inputs are read that there are.
inline HWY_NOINLINE void AddLastGroup(PanelRows rows, size_t num_rows, Panel panel, int32_t* out) {
  const uint8_t* const weights = panel.values + panel.groups * kGroupBytes;
  for (size_t r = 0; r < num_rows; ++r) {
    const int8_t* const row = rows.x + static_cast<ptrdiff_t>(r) * rows.stride;
    int32_t four = 0;
    if (panel.groups == 0) {
      std::memcpy(&four, row, panel.inputs);
    } else {
      std::memcpy(&four, row + panel.inputs - kPanelInputs, sizeof(four));
    }
    HWY_UNROLL(8) for (size_t i = 0; i < kPanelVectors; ++i, out += kWidth) {
      hn::StoreU(AddProducts(weights + i * kWidth * kPanelInputs, &four, hn::LoadU(kI, out)), kI, out);
    }
  }
}

/// out [kRows, kPanelOutputs]: sums of products with the values as the panel stores them. A step of a sum waits for the
/// one before it: where there are few rows, `kChains` groups go to sums of their own.
template <size_t kRows, size_t kChains>
HWY_NOINLINE void MultiplyPanel(PanelRows rows, Panel panel, Fetched fetched, int32_t* out) {
  constexpr size_t kVectorBytes = kWidth * kPanelInputs;
  constexpr size_t kSums = kRows * kPanelVectors;
  VecI sums[kChains * kSums];
  HWY_UNROLL(32) for (size_t i = 0; i < kChains * kSums; ++i) sums[i] = hn::Zero(kI);
  size_t group = 0;
  for (; group + kChains <= panel.groups; group += kChains) {
    const uint8_t* const weights = panel.values + group * kGroupBytes;
    const int8_t* const values = rows.x + group * kPanelInputs;
    HWY_UNROLL(8) for (size_t line = 0; line < kChains * kFetchesPerGroup; ++line, fetched.from += fetched.stride) {
      __builtin_prefetch(fetched.from, 0, 2);  // into the second level: a panel may be larger than the first
    }
    HWY_UNROLL(32) for (size_t i = 0; i < kChains * kSums; ++i) {
      const size_t chain = i / kSums, r = i % kSums / kPanelVectors, vector = i % kPanelVectors;
      sums[i] = AddProducts(weights + chain * kGroupBytes + vector * kVectorBytes,
                            values + chain * kPanelInputs + static_cast<ptrdiff_t>(r) * rows.stride, sums[i]);
    }
  }
  if constexpr (kChains > 1) {
    for (; group < panel.groups; ++group) {
      HWY_UNROLL(32) for (size_t i = 0; i < kSums; ++i) {
        const ptrdiff_t row = static_cast<ptrdiff_t>(i / kPanelVectors) * rows.stride;
        sums[i] = AddProducts(panel.values + group * kGroupBytes + i % kPanelVectors * kVectorBytes,
                              rows.x + group * kPanelInputs + row, sums[i]);
      }
    }
    HWY_UNROLL(32) for (size_t i = kSums; i < kChains * kSums; ++i) sums[i % kSums] = hn::Add(sums[i % kSums], sums[i]);
  }
  // To memory at once: with more to do behind the loop GCC keeps copies of the sums in it.
  HWY_UNROLL(32) for (size_t i = 0; i < kSums; ++i) hn::StoreU(sums[i], kI, out + i * kWidth);
  if (panel.has_last_group()) AddLastGroup(rows, kRows, panel, out);
}

/// As many rows at a time as registers hold sums of, the rest in smaller steps; finish(r, n, sums) makes n outputs of a
/// row's sums, from row r on. The panel `next`, unless it is null, is fetched meanwhile.
template <typename Finish>
HWY_INLINE void MultiplyPanelByRows(PanelRows rows, size_t count, Panel panel, const uint8_t* next,
                                    const Finish& finish) {
  constexpr size_t kMostRows = 12;
  size_t r = 0;
  int32_t sums[kMostRows * kPanelOutputs];
  const auto step = [&](size_t n, void (*multiply)(PanelRows, Panel, Fetched, int32_t*)) {
    while (count - r >= n) {
      const Fetched fetched = ShareOfPanel(next, panel, r, n, count);
      multiply({rows.x + static_cast<ptrdiff_t>(r) * rows.stride, rows.stride}, panel, fetched, sums);
      finish(r, n, sums);
      r += n;
    }
  };
  step(kMostRows, MultiplyPanel<kMostRows, 1>);
  step(8, MultiplyPanel<8, 1>);
  step(4, MultiplyPanel<4, 2>);
  step(2, MultiplyPanel<2, 4>);
  step(1, MultiplyPanel<1, 4>);
}

/// The same by tiles, which are configured for `count` rows.
template <typename Finish>
HWY_NOINLINE void MultiplyPanelByTiles(const Tiles& tiles, PanelRows rows, size_t count, Panel panel,
                                       const uint8_t* next, const Finish& finish) {
  const size_t n = tiles.block_rows();
  int32_t sums[kTileRows * kPanelOutputs];
  for (size_t begin = 0; begin < count; begin += n) {
    const size_t r = std::min(begin, count - n);  // the last block begins early, so that it does not end late
    const Fetched fetched = ShareOfPanel(next, panel, r, n, count);
    tiles.Multiply(rows.x + static_cast<ptrdiff_t>(r) * rows.stride, rows.stride, panel.values, panel.inputs, fetched,
                   sums);
    finish(r, n, sums);
  }
}

/// Multiplies rows with one panel after the other: by tiles, where the processor has them and inputs are whole ones.
class PanelMultiplier {
 public:
  PanelMultiplier(bool has_tiles, size_t num_rows, size_t inputs) : num_rows_(num_rows) {
    if (has_tiles && inputs % kTileInputs == 0) tiles_.emplace(num_rows);
  }

  template <typename Finish>
  HWY_INLINE void Multiply(PanelRows rows, Panel panel, const uint8_t* next, const Finish& finish) const {
    if (tiles_) return MultiplyPanelByTiles(*tiles_, rows, num_rows_, panel, next, finish);
    MultiplyPanelByRows(rows, num_rows_, panel, next, finish);
  }

 private:
  size_t num_rows_;
  std::optional<Tiles> tiles_;
};

}  // namespace HWY_NAMESPACE
}  // namespace smx
HWY_AFTER_NAMESPACE();

#endif  // HWY_AVX3_DL

#endif  // SMX_KERNELS_SIMD_MULTIPLY_PANEL_INL_H_
