#ifndef SMX_KERNELS_ROUTER_H_
#define SMX_KERNELS_ROUTER_H_

#include "base/mat.h"

namespace smx {

/// Router of a layer of experts: logits = x W + b, probs = softmax of them over the experts, per row.
///
///   x              [rows, d_model]
///   kernel, bias   [d_model, num_experts], [num_experts]
///   logits, probs  [rows, num_experts], out; dense
using RouterFn = void (*)(ConstMatF x, const float* kernel, const float* bias, MatF logits, MatF probs);

void Router_f32__reference(ConstMatF x, const float* kernel, const float* bias, MatF logits, MatF probs);

/// The reference's own router, which works in bfloat16: x, W and b are rounded to it, then
/// z = bf16(bf16(x W) + b), e = bf16(exp(bf16(z - max z))), p = bf16(e / bf16(sum of e)). Values are bfloat16 widened
/// to float32, so equal probabilities are common. Source: RouterWeights in sparse_mixers, built with its default dtype.
void Router_bf16__reference(ConstMatF x, const float* kernel, const float* bias, MatF logits, MatF probs);

}  // namespace smx

#endif  // SMX_KERNELS_ROUTER_H_
