#ifndef SMX_KERNELS_ACTIVATIONS_H_
#define SMX_KERNELS_ACTIVATIONS_H_

#include <cstddef>
#include <cstdint>

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

/// Row rows[i] of out += weights[i] * row i of x, for all of x in order.
using ScatterAddRowsFn = void (*)(ConstMatF x, const int32_t* rows, const float* weights, MatF out);

void AddLayerNorm_f32__reference(MatF x, ConstMatF residual, const float* scale, const float* bias, float epsilon);
void Gelu_f32__reference(MatF x);
void GeluErf_f32__reference(MatF x);
void Softmax_f32__reference(MatF x);
void Transpose_f32__reference(ConstMatF in, MatF out);
void ScatterAddRows_f32__reference(ConstMatF x, const int32_t* rows, const float* weights, MatF out);

}  // namespace smx

#endif  // SMX_KERNELS_ACTIVATIONS_H_
