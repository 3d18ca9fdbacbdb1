// Transposition and one head of attention, once for each instruction set.

#if defined(SMX_KERNELS_SIMD_ATTENTION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SMX_KERNELS_SIMD_ATTENTION_INL_H_
#undef SMX_KERNELS_SIMD_ATTENTION_INL_H_
#else
#define SMX_KERNELS_SIMD_ATTENTION_INL_H_
#endif

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/activations.h"
#include "kernels/simd/activations-inl.h"
#include "kernels/simd/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace smx {
namespace HWY_NAMESPACE {

/// out [4, 4] = in [4, 4] transposed; rows are `in_stride` and `out_stride` apart.
HWY_INLINE void TransposeBlock(const float* in, size_t in_stride, float* out, size_t out_stride) {
  const hn::Full128<float> d;
  const auto r0 = hn::LoadU(d, in), r1 = hn::LoadU(d, in + in_stride);
  const auto r2 = hn::LoadU(d, in + 2 * in_stride), r3 = hn::LoadU(d, in + 3 * in_stride);
  const auto low02 = hn::InterleaveLower(d, r0, r2), low13 = hn::InterleaveLower(d, r1, r3);
  const auto high02 = hn::InterleaveUpper(d, r0, r2), high13 = hn::InterleaveUpper(d, r1, r3);
  hn::StoreU(hn::InterleaveLower(d, low02, low13), d, out);
  hn::StoreU(hn::InterleaveUpper(d, low02, low13), d, out + out_stride);
  hn::StoreU(hn::InterleaveLower(d, high02, high13), d, out + 2 * out_stride);
  hn::StoreU(hn::InterleaveUpper(d, high02, high13), d, out + 3 * out_stride);
}

void Transpose(ConstMatF in, MatF out) {
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
    float* const row = out.Row(c);
    for (size_t r = c < whole_cols ? whole_rows : 0; r < in.rows; ++r) row[r] = in.Row(r)[c];
    std::fill(row + in.rows, row + out.cols, 0.0f);
  }
}

/// out [kRows, b.cols] = a [kRows, b.rows] b * scale, summed over b's rows in order, for `kVectors` vectors of columns
/// from c on, the last with `count` columns.
template <size_t kRows, size_t kVectors>
HWY_INLINE void ProductColumns(ConstMatF a, ConstMatF b, float scale, size_t c, size_t count, MatF out) {
  Vec sums[kRows][kVectors];
  for (auto& row : sums) {
    for (Vec& sum : row) sum = hn::Zero(kF);
  }
  for (size_t k = 0; k < b.rows; ++k) {
    const float* const row = b.Row(k) + c;
    Vec values[kVectors];
    for (size_t v = 0; v < kVectors; ++v) values[v] = Load(row + v * kWidth, v + 1 == kVectors ? count : kWidth);
    for (size_t r = 0; r < kRows; ++r) {
      const Vec factor = Set(a.Row(r)[k]);
      for (size_t v = 0; v < kVectors; ++v) sums[r][v] = hn::Add(sums[r][v], hn::Mul(factor, values[v]));
    }
  }
  for (size_t r = 0; r < kRows; ++r) {
    for (size_t v = 0; v < kVectors; ++v) {
      Store(hn::Mul(sums[r][v], Set(scale)), out.Row(r) + c + v * kWidth, v + 1 == kVectors ? count : kWidth);
    }
  }
}

template <size_t kRows>
HWY_NOINLINE void SmallProduct(ConstMatF a, ConstMatF b, float scale, MatF out) {
  size_t c = 0;
  for (; c + 2 * kWidth <= b.cols; c += 2 * kWidth) ProductColumns<kRows, 2>(a, b, scale, c, kWidth, out);
  for (; c + kWidth <= b.cols; c += kWidth) ProductColumns<kRows, 1>(a, b, scale, c, kWidth, out);
  if (c < b.cols) ProductColumns<kRows, 1>(a, b, scale, c, b.cols - c, out);
}

/// As many queries as there are rows of scores.
template <size_t kRows>
HWY_INLINE void AttendRows(ConstMatF q, ConstMatF k_transposed, ConstMatF v, const unsigned char* is_real, size_t first,
                           MatF scores, MatF out) {
  const size_t n = v.rows;
  const float scale = 1.0f / std::sqrt(static_cast<float>(q.cols));
  SmallProduct<kRows>(q.Rows(first, kRows), k_transposed, scale, scores);
  for (size_t i = 0; i < kRows; ++i) {
    float* const row = scores.Row(i);
    for (size_t j = 0; is_real != nullptr && j < n; ++j) {
      if (is_real[first + i] == 0 || is_real[j] == 0) row[j] = std::numeric_limits<float>::lowest();
    }
    SoftmaxRow(row, n);
  }
  SmallProduct<kRows>(scores.Rows(0, kRows), v, 1.0f, out.Rows(first, kRows));
}

void AttentionHead(ConstMatF q, ConstMatF k_transposed, ConstMatF v, const unsigned char* is_real, MatF scores,
                   MatF out) {
  const ConstMatF keys = {k_transposed.data, k_transposed.rows, v.rows, k_transposed.stride};
  size_t i = 0;
  for (; i + kAttentionScoreRows <= q.rows; i += kAttentionScoreRows) {
    AttendRows<kAttentionScoreRows>(q, keys, v, is_real, i, scores, out);
  }
  for (; i < q.rows; ++i) AttendRows<1>(q, keys, v, is_real, i, scores, out);
}

}  // namespace HWY_NAMESPACE
}  // namespace smx
HWY_AFTER_NAMESPACE();

#endif  // SMX_KERNELS_SIMD_ATTENTION_INL_H_
