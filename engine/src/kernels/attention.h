#ifndef SMX_KERNELS_ATTENTION_H_
#define SMX_KERNELS_ATTENTION_H_

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "base/checked_math.h"
#include "base/mat.h"

namespace smx {

/// Queries of one head whose scores are computed side by side, and how many columns of keys or values lie together
/// while a head is computed.
inline constexpr size_t kAttentionScoreRows = 4;
inline constexpr size_t kAttentionQs16ScoreRows = 8;
inline constexpr size_t kAttentionPanel = 16;

/// One head of attention: out [queries, d_head] = softmax(q k^T / sqrt(d_head)) v.
///
///   q, out   [queries, d_head], strided views into the rows of all heads; query i and key i are the same token
///   k, v     [keys, d_head], such views
///   is_real  [max(queries, keys)]; a score is replaced by float32's lowest number unless both tokens are real, so as a
///            query a pad averages all values evenly; null means all are real
///   scratch  as many floats as the function of the kernel's form says below
using AttentionHeadFn = void (*)(ConstMatF q, ConstMatF k, ConstMatF v, const unsigned char* is_real, float* scratch,
                                 MatF out);

/// In float32, products summed in order. Scratch: keys and values as panels, whole ones, and scores of whole panels.
void AttentionHead_f32__reference(ConstMatF q, ConstMatF k, ConstMatF v, const unsigned char* is_real, float* scratch,
                                  MatF out);

inline Checked AttentionScratchFloats(size_t keys, size_t d_head) {
  const Checked panel_keys = Checked(keys).AlignedUp(kAttentionPanel);
  return panel_keys * Checked(d_head) + Checked(d_head).AlignedUp(kAttentionPanel) * Checked(keys) +
         panel_keys * Checked(kAttentionScoreRows);
}

/// In int16, what int8 models run: both products are exact in int32 for up to 2^16 keys.
///
///   rows of q, k, v  value = round_half_even(x / scale), scale = max|x| / limit; limit is AttentionLimit(d_head) for q
///                    and k, kAttentionValueLimit for v
///   score[i, j]      = (q[i] . k[j]) * (q_scale[i] / sqrt(d_head)) * k_scale[j], then masked
///   weight[i, j]     = exp(score - max) * v_scale[j]; in int16: round_half_even(weight * w), where w is the largest
///                    with which neither one of a query's weights nor their sum becomes too large
///   out[i]           = (weights in int16 . v) * sum of weights / (sum of weights in int16 * sum of exp)
///
/// A scale belongs to one row of one text and masked keys weigh 0: pads and neighbours change no bit. Beside exact
/// products a score errs by at most e = 1.01 sqrt(d_head) max|q[i]| max|k| / limit, an output by at most
/// (exp(2 e) - 1 + keys / 32767 + 1 / 8190) max|v|, of rows that AttentionScale has a scale of its own for. NaN counts
/// as 0, infinities as the largest magnitudes.
void AttentionHead_f32_qs16__reference(ConstMatF q, ConstMatF k, ConstMatF v, const unsigned char* is_real,
                                       float* scratch, MatF out);

/// Pairs of int16 take the place of a float: panels of keys and values, scales and scores of whole panels, weights of
/// the scores' rows, rows before they are packed.
inline Checked AttentionQs16ScratchFloats(size_t keys, size_t d_head) {
  const Checked panel_keys = Checked(keys).AlignedUp(kAttentionPanel);
  const Checked d_pairs = d_head / 2 + d_head % 2, key_pairs = keys / 2 + keys % 2;
  return panel_keys * d_pairs + Checked(d_head).AlignedUp(kAttentionPanel) * key_pairs +
         panel_keys * Checked(kAttentionQs16ScoreRows + 2) + key_pairs * Checked(kAttentionQs16ScoreRows) +
         d_pairs * Checked(kAttentionPanel);
}

/// The largest magnitudes of int16 values, so that sums of their products fit int32: of values, and of a query's
/// weights, each and all together. Those add up to (2^31 - 1) / 4095 at most, less what rounding adds to 2^16 of them,
/// half of 1 each, and what the sum in float32 may lack. No limit depends on how many keys there are, so leaving out
/// masked ones changes no bit.
inline constexpr float kAttentionValueLimit = 4095.0f;
inline constexpr float kAttentionWeightLimit = 32767.0f;
inline constexpr float kAttentionSumOfWeightsLimit = 491520.0f;

/// Of queries and keys.
inline float AttentionLimit(size_t d_head) {
  const auto limit = static_cast<int32_t>(std::sqrt(2147483647.0 / static_cast<double>(d_head)));
  return static_cast<float>(std::min(limit, 32767));
}

/// The scale of a row whose largest magnitude, NaN left out, is `largest`.
inline float AttentionScale(float largest, float limit) {
  constexpr float kLargest = 1e17f;    // scores stay finite and far from the number that masks them; so do sums
  constexpr float kSmallest = 1e-20f;  // a product of scales may be subnormal, and be flushed: that changes no bit
  return std::max(std::min(largest, kLargest) / limit, kSmallest);
}

}  // namespace smx

#endif  // SMX_KERNELS_ATTENTION_H_
