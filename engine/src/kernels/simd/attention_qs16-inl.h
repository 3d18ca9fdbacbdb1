// One head of attention in int16, once for each instruction set.

#if defined(SMX_KERNELS_SIMD_ATTENTION_QS16_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SMX_KERNELS_SIMD_ATTENTION_QS16_INL_H_
#undef SMX_KERNELS_SIMD_ATTENTION_QS16_INL_H_
#else
#define SMX_KERNELS_SIMD_ATTENTION_QS16_INL_H_
#endif

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "kernels/attention.h"
#include "kernels/simd/attention-inl.h"
#include "kernels/simd/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace smx {
namespace HWY_NAMESPACE {

// Processors multiply two pairs of int16 and add both products to an int32 in one step. So two values that are summed,
// neighbours in the depth of a product, lie together as an int32: a pair.

using Int16s = hn::Repartition<int16_t, F>;

/// How values become int16: round_half_even(x * inverse), at most `limit` in magnitude.
struct ToInt16 {
  float inverse;
  float limit;

  /// As int32. Adding kRound rounds half to even and leaves the integer in the low bits.
  HWY_INLINE VecI operator()(Vec x) const {
    const Vec scaled = NanToZero(hn::Mul(x, Set(inverse)));
    const Vec clamped = hn::Min(hn::Max(scaled, Set(-limit)), Set(limit));
    return hn::Sub(hn::BitCast(kI, hn::Add(clamped, Set(kRound))), hn::BitCast(kI, Set(kRound)));
  }
};

inline HWY_NOINLINE float ScaleOfRow(const float* row, size_t n, float limit) {
  Vec largest = hn::Zero(kF);
  ForColumns(n, [&](size_t c, size_t count) { largest = hn::Max(largest, hn::Abs(NanToZero(Load(row + c, count)))); });
  return AttentionScale(hn::ReduceMax(kF, largest), limit);
}

/// Columns 2 i and 2 i + 1 of the row become pair i, the last with 0 if there is no such column.
inline HWY_NOINLINE void PairColumns(const float* row, size_t n, ToInt16 to_int16, int32_t* pairs) {
  const auto to_pairs = [to_int16](Vec low, Vec high) {
    return hn::BitCast(kI, hn::OrderedDemote2To(Int16s(), to_int16(low), to_int16(high)));
  };
  size_t c = 0;
  for (; c + 2 * kWidth <= n; c += 2 * kWidth) {
    hn::StoreU(to_pairs(Load(row + c, kWidth), Load(row + c + kWidth, kWidth)), kI, pairs + c / 2);
  }
  if (c == n) return;
  const size_t low_count = std::min(n - c, kWidth), high_count = n - c - low_count;
  const Vec high = high_count == 0 ? hn::Zero(kF) : Load(row + c + kWidth, high_count);
  hn::StoreN(to_pairs(Load(row + c, low_count), high), kI, pairs + c / 2, (n - c + 1) / 2);
}

using PairPanels = Panels<int32_t>;

inline constexpr size_t kRowsAhead = 8;

/// Asks for row r, if there is one: rows of a head lie so far apart that processors do not guess the next.
HWY_INLINE void FetchRow(ConstMatF x, size_t r) {
  constexpr size_t kLineFloats = 16;
  if (r >= x.rows) return;
  for (size_t c = 0; c < x.cols; c += kLineFloats) __builtin_prefetch(x.Row(r) + c);
}

/// Keys are the panels' columns. `rows` is scratch, [kAttentionPanel, depth].
inline HWY_NOINLINE void PackKeys(ConstMatF k, PairPanels panels, int32_t* rows, float* scales) {
  const float limit = AttentionLimit(k.cols);
  for (size_t i = 0; i < panels.count(); ++i) {
    const size_t first = i * kAttentionPanel;
    const size_t count = panels.ColsOf(i);
    for (size_t j = 0; j < count; ++j) {
      const float* const row = k.Row(first + j);
      FetchRow(k, first + j + kRowsAhead);
      scales[first + j] = ScaleOfRow(row, k.cols, limit);
      PairColumns(row, k.cols, {1.0f / scales[first + j], limit}, rows + j * panels.depth);
    }
    std::fill_n(scales + first + count, kAttentionPanel - count, 0.0f);
    Transpose<int32_t>(DenseMat(rows, count, panels.depth), DenseMat(panels.Panel(i), panels.depth, kAttentionPanel));
  }
}

/// Columns of values are the panels' columns, and two keys are a pair.
inline HWY_NOINLINE void PackValues(ConstMatF v, PairPanels panels, float* scales) {
  for (size_t j = 0; j < v.rows; j += 2) {
    FetchRow(v, j + kRowsAhead);
    FetchRow(v, j + kRowsAhead + 1);
    const bool has_second = j + 1 < v.rows;
    const float* const first = v.Row(j);
    const float* const second = v.Row(has_second ? j + 1 : j);
    scales[j] = ScaleOfRow(first, v.cols, kAttentionValueLimit);
    if (has_second) scales[j + 1] = ScaleOfRow(second, v.cols, kAttentionValueLimit);
    const ToInt16 first_to_int16 = {1.0f / scales[j], kAttentionValueLimit};
    const ToInt16 second_to_int16 = {has_second ? 1.0f / scales[j + 1] : 0.0f, kAttentionValueLimit};
    ForColumns(v.cols, [=](size_t c, size_t count) {
      const VecI low = hn::And(first_to_int16(Load(first + c, count)), hn::Set(kI, 0xffff));
      const VecI high = hn::ShiftLeft<16>(second_to_int16(Load(second + c, count)));
      int32_t* const panel = panels.Panel(c / kAttentionPanel) + j / 2 * kAttentionPanel;
      hn::StoreU(hn::Or(low, high), kI, panel + c % kAttentionPanel);
    });
  }
}

// Products go by steps of so many rows and vectors of columns: as many as registers hold sums of.
inline constexpr size_t kStepRows = kWidth < kAttentionPanel ? 4 : 8;
inline constexpr size_t kStepVectors = 2;

/// What the sums of rows and columns are multiplied by; null as that of columns counts as 1.
struct PairScales {
  const float* rows;
  const float* cols;
};

/// out [kRows, cols] = (a [kRows, depth] b) * scales.rows[r] * scales.cols[c], for `kVectors` vectors of columns from c
/// on; the last has `count` of them.
template <size_t kRows, size_t kVectors>
HWY_INLINE void PairProductColumns(Mat<const int32_t> a, PairPanels b, size_t c, size_t count, PairScales scales,
                                   MatF out) {
  constexpr size_t kSums = kRows * kVectors;
  const int32_t* columns[kVectors];
  for (size_t v = 0; v < kVectors; ++v) {
    const size_t first = c + v * kWidth;
    columns[v] = b.Panel(first / kAttentionPanel) + first % kAttentionPanel;
  }
  // Sums of a vector's lower and upper halves, on processors that add products of halves.
  VecI sums[kSums], upper_sums[kSums];
  HWY_UNROLL(16) for (size_t i = 0; i < kSums; ++i) sums[i] = upper_sums[i] = hn::Zero(kI);
  for (size_t k = 0; k < a.cols; ++k) {
    HWY_UNROLL(16) for (size_t i = 0; i < kSums; ++i) {
      const auto x = hn::BitCast(Int16s(), hn::Set(kI, a.Row(i / kVectors)[k]));
      const auto y = hn::BitCast(Int16s(), hn::LoadU(kI, columns[i % kVectors] + k * kAttentionPanel));
      sums[i] = hn::ReorderWidenMulAccumulate(kI, x, y, sums[i], upper_sums[i]);
    }
  }
  // Through memory: with more to do behind the loop GCC keeps copies of the sums in it.
  int32_t stored[kSums * kWidth];
  HWY_UNROLL(16) for (size_t i = 0; i < kSums; ++i) {
    hn::StoreU(hn::RearrangeToOddPlusEven(sums[i], upper_sums[i]), kI, stored + i * kWidth);
  }
  for (size_t i = 0; i < kSums; ++i) {
    const size_t column = c + i % kVectors * kWidth, r = i / kVectors;
    Vec value = hn::Mul(hn::ConvertTo(kF, hn::LoadU(kI, stored + i * kWidth)), Set(scales.rows[r]));
    if (scales.cols != nullptr) value = hn::Mul(value, hn::LoadU(kF, scales.cols + column));
    Store(value, out.Row(r) + column, i % kVectors + 1 == kVectors ? count : kWidth);
  }
}

/// The same for all columns of all panels.
template <size_t kRows>
HWY_NOINLINE void PairProduct(Mat<const int32_t> a, PairPanels b, PairScales scales, MatF out) {
  size_t c = 0;
  for (; c + kStepVectors * kWidth <= b.cols; c += kStepVectors * kWidth) {
    PairProductColumns<kRows, kStepVectors>(a, b, c, kWidth, scales, out);
  }
  for (; c < b.cols; c += kWidth) {
    PairProductColumns<kRows, 1>(a, b, c, std::min(kWidth, b.cols - c), scales, out);
  }
}

/// The same for any number of rows.
inline void PairProductOfRows(Mat<const int32_t> a, PairPanels b, PairScales scales, MatF out) {
  size_t r = 0;
  for (; r + kStepRows <= a.rows; r += kStepRows) {
    PairProduct<kStepRows>(a.Rows(r, kStepRows), b, {scales.rows + r, scales.cols}, out.Rows(r, kStepRows));
  }
  for (; r < a.rows; ++r) PairProduct<1>(a.Rows(r, 1), b, {scales.rows + r, scales.cols}, out.Rows(r, 1));
}

HWY_INLINE int32_t SumOfPairs(const int32_t* pairs, size_t n) {
  VecI sums = hn::Zero(kI), upper_sums = hn::Zero(kI);
  for (size_t i = 0; i < n; i += kWidth) {
    const VecI values = n - i < kWidth ? hn::LoadN(kI, pairs + i, n - i) : hn::LoadU(kI, pairs + i);
    sums = hn::ReorderWidenMulAccumulate(kI, hn::BitCast(Int16s(), values), hn::Set(Int16s(), int16_t{1}), sums,
                                         upper_sums);
  }
  return hn::ReduceSum(kI, hn::RearrangeToOddPlusEven(sums, upper_sums));
}

/// What there is to know of a row of weights.
struct WeightsOfRow {
  float sum_of_exp;
  float sum;
  float largest;
};

/// Scores become exp(score - the largest one) * v_scale, in one pass.
inline HWY_NOINLINE WeightsOfRow ExpAndWeigh(float* scores, const float* v_scales, size_t n) {
  const Vec max = Set(Largest(scores, n));
  RowSums sums_of_exp, sums;
  Vec largest = hn::Zero(kF);
  size_t c = 0;
  constexpr size_t kCount = 4;
  static_assert(kCount % kSumVectors == 0);
  for (; c + kCount * kWidth <= n; c += kCount * kWidth) {
    Vec v[kCount];
    ForEach(v, [&](size_t i) { return hn::Sub(hn::LoadU(kF, scores + c + i * kWidth), max); });
    Exp(v);
    HWY_UNROLL(4) for (size_t i = 0; i < kCount; ++i) {
      const Vec weight = hn::Mul(v[i], hn::LoadU(kF, v_scales + c + i * kWidth));
      sums_of_exp.Add(i % kSumVectors, v[i]);
      sums.Add(i % kSumVectors, weight);
      largest = hn::Max(largest, weight);
      hn::StoreU(weight, kF, scores + c + i * kWidth);
    }
  }
  for (size_t i = 0; c < n; ++i, c += kWidth) {
    const size_t count = std::min(kWidth, n - c);
    Vec v[] = {hn::Sub(Load(scores + c, count), max)};
    Exp(v);
    v[0] = hn::IfThenElseZero(hn::FirstN(kF, count), v[0]);
    const Vec weight = hn::Mul(v[0], Load(v_scales + c, count));
    sums_of_exp.Add(i % kSumVectors, v[0]);
    sums.Add(i % kSumVectors, weight);
    largest = hn::Max(largest, weight);
    Store(weight, scores + c, count);
  }
  return {sums_of_exp.Total(), sums.Total(), hn::ReduceMax(kF, largest)};
}

/// Scores become weights, which are stored as pairs. Returns what sums of values by them are to be multiplied by.
inline HWY_NOINLINE float WeighScores(float* scores, const float* v_scales, size_t n, int32_t* weights) {
  const WeightsOfRow row = ExpAndWeigh(scores, v_scales, n);
  const float to_weights = std::min(kAttentionWeightLimit / row.largest, kAttentionSumOfWeightsLimit / row.sum);
  PairColumns(scores, n, {to_weights, kAttentionWeightLimit}, weights);
  return row.sum / (static_cast<float>(SumOfPairs(weights, (n + 1) / 2)) * row.sum_of_exp);
}

/// What the queries of one head attend to, and room for as many of them as have scores.
struct AttendedQs16 {
  PairPanels k;  // [d_head in pairs, keys]
  PairPanels v;  // [keys in pairs, d_head]
  const float* k_scales;
  const float* v_scales;
  const unsigned char* is_real;  // null: there are no pads
  MatF scores;
  int32_t* rows;     // [kAttentionQs16ScoreRows, d_head in pairs]
  int32_t* weights;  // [kAttentionQs16ScoreRows, keys in pairs]
};

/// `rows` queries from `first` on, kAttentionQs16ScoreRows at most.
inline HWY_NOINLINE void AttendRowsQs16(ConstMatF q, size_t first, size_t rows, const AttendedQs16& to, MatF out) {
  const float limit = AttentionLimit(q.cols);
  const float scale = 1.0f / std::sqrt(static_cast<float>(q.cols));
  const Mat<int32_t> queries = DenseMat(to.rows, rows, to.k.depth);
  const Mat<int32_t> weights = DenseMat(to.weights, rows, to.v.depth);
  float scales[kAttentionQs16ScoreRows] = {};
  for (size_t i = 0; i < rows; ++i) {
    const float* const row = q.Row(first + i);
    FetchRow(q, first + i + kAttentionQs16ScoreRows);
    const float row_scale = ScaleOfRow(row, q.cols, limit);
    PairColumns(row, q.cols, {1.0f / row_scale, limit}, queries.Row(i));
    scales[i] = row_scale * scale;
  }
  PairProductOfRows(queries, to.k, {scales, to.k_scales}, to.scores);
  for (size_t i = 0; i < rows; ++i) {
    float* const row = to.scores.Row(i);
    if (to.is_real != nullptr) MaskScores(to.is_real, first + i, row, to.scores.cols);
    scales[i] = WeighScores(row, to.v_scales, to.scores.cols, weights.Row(i));
  }
  PairProductOfRows(weights, to.v, {scales, nullptr}, out.Rows(first, rows));
}

inline void AttentionHeadQs16(ConstMatF q, ConstMatF k, ConstMatF v, const unsigned char* is_real, float* scratch,
                              MatF out) {
  const size_t panel_keys = (k.rows + kAttentionPanel - 1) / kAttentionPanel * kAttentionPanel;
  float* const k_scales = scratch;
  float* const v_scales = k_scales + panel_keys;
  const MatF scores = {v_scales + panel_keys, kAttentionQs16ScoreRows, k.rows, panel_keys};
  const PairPanels keys = {reinterpret_cast<int32_t*>(scores.Row(kAttentionQs16ScoreRows)), (k.cols + 1) / 2, k.rows};
  const PairPanels values = {keys.End(), (v.rows + 1) / 2, v.cols};
  int32_t* const rows = values.End();
  int32_t* const weights = rows + kAttentionPanel * keys.depth;
  PackKeys(k, keys, rows, k_scales);
  PackValues(v, values, v_scales);
  const AttendedQs16 to = {keys,   values, k_scales, v_scales, MaskOf(is_real, std::max(q.rows, k.rows)),
                           scores, rows,   weights};
  for (size_t i = 0; i < q.rows; i += kAttentionQs16ScoreRows) {
    AttendRowsQs16(q, i, std::min(kAttentionQs16ScoreRows, q.rows - i), to, out);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace smx
HWY_AFTER_NAMESPACE();

#endif  // SMX_KERNELS_SIMD_ATTENTION_QS16_INL_H_
