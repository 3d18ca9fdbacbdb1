#ifndef SMX_KERNELS_ACTIVATIONS_H_
#define SMX_KERNELS_ACTIVATIONS_H_

#include <cstddef>

#include "base/checked_math.h"
#include "base/mat.h"

namespace smx {

/// x = layer_norm(x + residual) per row: (v - mean) / sqrt(variance + epsilon) * scale + bias, the biased variance.
/// scale, bias: [x.cols]. `residual` may have no data: then it counts as zeros. Sums as in elementary.h.
using AddLayerNormFn = void (*)(MatF x, ConstMatF residual, const float* scale, const float* bias, float epsilon);

/// x = 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))), the tanh form of the reference; arithmetic as in elementary.h.
using GeluFn = void (*)(MatF x);

/// x = 0.5 x (1 + erf(x / sqrt 2)), the exact GELU, is of the same type.

/// x = exp(x - max) / sum per row; a row of equal values becomes even. exp and sum as in elementary.h.
using SoftmaxFn = void (*)(MatF x);

/// out [cols, rows] = in [rows, cols] transposed. Columns of `out` behind in.rows, up to out.cols, become 0.
using TransposeFn = void (*)(ConstMatF in, MatF out);

/// Queries of one head whose scores are computed side by side, and how many columns of keys or values lie together
/// while a head is computed.
inline constexpr size_t kAttentionScoreRows = 4;
inline constexpr size_t kAttentionPanel = 16;

/// How many floats of scratch a head takes: keys and values as panels, whole ones, and scores of whole panels.
inline Checked AttentionScratchFloats(size_t keys, size_t d_head) {
  const Checked panel_keys = Checked(keys).AlignedUp(kAttentionPanel);
  return panel_keys * Checked(d_head) + Checked(d_head).AlignedUp(kAttentionPanel) * Checked(keys) +
         panel_keys * Checked(kAttentionScoreRows);
}

/// One head of attention: out [queries, d_head] = softmax(q k^T / sqrt(d_head)) v. Products are summed in order.
///
///   q, out   [queries, d_head], strided views into the rows of all heads; query i and key i are the same token
///   k, v     [keys, d_head], such views
///   is_real  [max(queries, keys)]; a score is replaced by float32's lowest number unless both tokens are real, so as a
///            query a pad averages all values evenly; null means all are real
///   scratch  [AttentionScratchFloats(keys, d_head)]
using AttentionHeadFn = void (*)(ConstMatF q, ConstMatF k, ConstMatF v, const unsigned char* is_real, float* scratch,
                                 MatF out);

void AddLayerNorm_f32__reference(MatF x, ConstMatF residual, const float* scale, const float* bias, float epsilon);
void Gelu_f32__reference(MatF x);
void GeluErf_f32__reference(MatF x);
void Softmax_f32__reference(MatF x);
void Transpose_f32__reference(ConstMatF in, MatF out);
void AttentionHead_f32__reference(ConstMatF q, ConstMatF k, ConstMatF v, const unsigned char* is_real, float* scratch,
                                  MatF out);

}  // namespace smx

#endif  // SMX_KERNELS_ACTIVATIONS_H_
