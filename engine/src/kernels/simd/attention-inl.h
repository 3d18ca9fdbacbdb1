// Transposition and one head of attention, once for each instruction set.

#if defined(SMX_KERNELS_SIMD_ATTENTION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SMX_KERNELS_SIMD_ATTENTION_INL_H_
#undef SMX_KERNELS_SIMD_ATTENTION_INL_H_
#else
#define SMX_KERNELS_SIMD_ATTENTION_INL_H_
#endif

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/attention.h"
#include "kernels/simd/activations-inl.h"
#include "kernels/simd/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace smx {
namespace HWY_NAMESPACE {

/// out [4, 4] = in [4, 4] transposed; rows are `in_stride` and `out_stride` apart.
template <typename T>
HWY_INLINE void TransposeBlock(const T* in, size_t in_stride, T* out, size_t out_stride) {
  const hn::Full128<T> d;
  const auto r0 = hn::LoadU(d, in), r1 = hn::LoadU(d, in + in_stride);
  const auto r2 = hn::LoadU(d, in + 2 * in_stride), r3 = hn::LoadU(d, in + 3 * in_stride);
  const auto low02 = hn::InterleaveLower(d, r0, r2), low13 = hn::InterleaveLower(d, r1, r3);
  const auto high02 = hn::InterleaveUpper(d, r0, r2), high13 = hn::InterleaveUpper(d, r1, r3);
  hn::StoreU(hn::InterleaveLower(d, low02, low13), d, out);
  hn::StoreU(hn::InterleaveUpper(d, low02, low13), d, out + out_stride);
  hn::StoreU(hn::InterleaveLower(d, high02, high13), d, out + 2 * out_stride);
  hn::StoreU(hn::InterleaveUpper(d, high02, high13), d, out + 3 * out_stride);
}

/// Values of four bytes.
template <typename T>
void Transpose(Mat<const T> in, Mat<T> out) {
  constexpr size_t kTile = 16;  // values of a cache line, written together
  const size_t whole_rows = in.rows / 4 * 4;
  const size_t whole_cols = in.cols / 4 * 4;
  for (size_t tile = 0; tile < whole_rows; tile += kTile) {
    const size_t tile_end = std::min(tile + kTile, whole_rows);
    for (size_t c = 0; c < whole_cols; c += 4) {
      for (size_t r = tile; r < tile_end; r += 4) TransposeBlock(in.Row(r) + c, in.stride, out.Row(c) + r, out.stride);
    }
  }
  for (size_t c = 0; c < in.cols; ++c) {
    T* const row = out.Row(c);
    for (size_t r = c < whole_cols ? whole_rows : 0; r < in.rows; ++r) row[r] = in.Row(r)[c];
    std::fill(row + in.rows, row + out.cols, T{0});
  }
}

/// out [kRows, b.cols] = a [kRows, b.rows] b * scale, summed over b's rows in order, for `kVectors` vectors of columns
/// from c on, the last with `count` columns.
template <size_t kRows, size_t kVectors>
HWY_INLINE void ProductColumns(ConstMatF a, ConstMatF b, float scale, size_t c, size_t count, MatF out) {
  // Unrolled, so that the sums stay in registers.
  constexpr size_t kSums = kRows * kVectors;
  Vec sums[kSums];
  HWY_UNROLL(8) for (size_t i = 0; i < kSums; ++i) sums[i] = hn::Zero(kF);
  for (size_t k = 0; k < b.rows; ++k) {
    const float* const row = b.Row(k) + c;
    HWY_UNROLL(8) for (size_t i = 0; i < kSums; ++i) {
      const size_t v = i % kVectors;
      const Vec values = Load(row + v * kWidth, v + 1 == kVectors ? count : kWidth);
      sums[i] = hn::Add(sums[i], hn::Mul(Set(a.Row(i / kVectors)[k]), values));
    }
  }
  HWY_UNROLL(8) for (size_t i = 0; i < kSums; ++i) {
    const size_t v = i % kVectors;
    Store(hn::Mul(sums[i], Set(scale)), out.Row(i / kVectors) + c + v * kWidth, v + 1 == kVectors ? count : kWidth);
  }
}

template <size_t kRows>
HWY_NOINLINE void SmallProduct(ConstMatF a, ConstMatF b, float scale, MatF out) {
  size_t c = 0;
  for (; c + 2 * kWidth <= b.cols; c += 2 * kWidth) ProductColumns<kRows, 2>(a, b, scale, c, kWidth, out);
  for (; c + kWidth <= b.cols; c += kWidth) ProductColumns<kRows, 1>(a, b, scale, c, kWidth, out);
  if (c < b.cols) ProductColumns<kRows, 1>(a, b, scale, c, b.cols - c, out);
}

// Keys and values are read column by column for every few queries. As rows of all heads these columns lie a power of
// two apart, often, where a cache has few places for them; so a head is copied first, into panels.

/// Columns of a matrix [depth, cols], kAttentionPanel at a time, in panels [depth, kAttentionPanel].
template <typename T>
struct Panels {
  T* data;
  size_t depth;
  size_t cols;

  size_t count() const { return (cols + kAttentionPanel - 1) / kAttentionPanel; }
  T* Panel(size_t i) const { return data + i * kAttentionPanel * depth; }
  size_t ColsOf(size_t i) const { return std::min(cols - i * kAttentionPanel, kAttentionPanel); }
  T* End() const { return Panel(count()); }
};

/// Of float32; what the last one has behind `cols` is never read.
using FloatPanels = Panels<float>;

inline void PackTransposed(ConstMatF in, FloatPanels out) {
  for (size_t i = 0; i < out.count(); ++i) {
    Transpose<float>(in.Rows(i * kAttentionPanel, out.ColsOf(i)), DenseMat(out.Panel(i), out.depth, kAttentionPanel));
  }
}

inline void Pack(ConstMatF in, FloatPanels out) {
  for (size_t i = 0; i < out.count(); ++i) {
    const size_t cols = out.ColsOf(i);
    for (size_t r = 0; r < in.rows; ++r) {
      const float* const from = in.Row(r) + i * kAttentionPanel;
      float* const to = out.Panel(i) + r * kAttentionPanel;
      ForColumns(cols, [=](size_t c, size_t count) { Store(Load(from + c, count), to + c, count); });
    }
  }
}

/// out [kRows, b.cols] = a [kRows, b.depth] b * scale, summed over b's rows in order.
template <size_t kRows>
HWY_INLINE void MultiplyFloatPanels(ConstMatF a, FloatPanels b, float scale, MatF out) {
  for (size_t i = 0; i < b.count(); ++i) {
    const size_t cols = b.ColsOf(i);
    SmallProduct<kRows>(a, {b.Panel(i), b.depth, cols, kAttentionPanel}, scale,
                        {out.data + i * kAttentionPanel, kRows, cols, out.stride});
  }
}

/// `is_real`, or null if all of the tokens are.
HWY_INLINE const unsigned char* MaskOf(const unsigned char* is_real, size_t tokens) {
  return is_real != nullptr && std::memchr(is_real, 0, tokens) != nullptr ? is_real : nullptr;
}

/// Unless both tokens are real, the score is the lowest number.
HWY_INLINE void MaskScores(const unsigned char* is_real, size_t query, float* row, size_t n) {
  constexpr float kLowest = std::numeric_limits<float>::lowest();
  if (is_real[query] == 0) {
    std::fill_n(row, n, kLowest);
    return;
  }
  for (size_t j = 0; j < n; ++j) {
    if (is_real[j] == 0) row[j] = kLowest;
  }
}

/// What the queries of one head attend to: k transposed [head size, keys], v [keys, head size].
struct Attended {
  FloatPanels k;
  FloatPanels v;
  const unsigned char* is_real;  // null: there are no pads
};

/// kRows queries from `first` on, as many as there are rows of scores.
template <size_t kRows>
HWY_INLINE void AttendRows(ConstMatF q, size_t first, const Attended& to, MatF scores, MatF out) {
  const float scale = 1.0f / std::sqrt(static_cast<float>(q.cols));
  MultiplyFloatPanels<kRows>(q.Rows(first, kRows), to.k, scale, scores);
  for (size_t i = 0; i < kRows; ++i) {
    float* const row = scores.Row(i);
    if (to.is_real != nullptr) MaskScores(to.is_real, first + i, row, scores.cols);
    SoftmaxRow(row, scores.cols);
  }
  MultiplyFloatPanels<kRows>(scores.Rows(0, kRows), to.v, 1.0f, out.Rows(first, kRows));
}

inline void AttentionHead(ConstMatF q, ConstMatF k, ConstMatF v, const unsigned char* is_real, float* scratch,
                          MatF out) {
  const FloatPanels keys = {scratch, k.cols, k.rows};
  const FloatPanels values = {keys.End(), v.rows, v.cols};
  const MatF scores = {values.End(), kAttentionScoreRows, k.rows, keys.count() * kAttentionPanel};
  PackTransposed(k, keys);
  Pack(v, values);
  const Attended to = {keys, values, MaskOf(is_real, std::max(q.rows, k.rows))};
  size_t i = 0;
  for (; i + kAttentionScoreRows <= q.rows; i += kAttentionScoreRows) {
    AttendRows<kAttentionScoreRows>(q, i, to, scores, out);
  }
  for (; i < q.rows; ++i) AttendRows<1>(q, i, to, scores, out);
}

}  // namespace HWY_NAMESPACE
}  // namespace smx
HWY_AFTER_NAMESPACE();

#endif  // SMX_KERNELS_SIMD_ATTENTION_INL_H_
