#include "kernels/router.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "kernels/activations.h"
#include "kernels/elementary.h"
#include "kernels/product.h"

namespace smx {
namespace {

/// The nearest bfloat16, ties to even, as a float. NaN stays NaN.
float Bf16(float x) {
  if (x != x) return x;
  uint32_t bits = 0;
  std::memcpy(&bits, &x, sizeof(bits));
  bits = (bits + 0x7fffu + ((bits >> 16) & 1u)) & 0xffff0000u;
  std::memcpy(&x, &bits, sizeof(bits));
  return x;
}

/// Products of two bfloat16 values are exact in float32; their sum here has no noise that could tip the rounding.
float Bf16Logit(const float* x, const float* kernel, size_t d_model, size_t num_experts, float bias) {
  double sum = 0.0;
  for (size_t k = 0; k < d_model; ++k) {
    sum += static_cast<double>(Bf16(x[k])) * static_cast<double>(Bf16(kernel[k * num_experts]));
  }
  return Bf16(Bf16(static_cast<float>(sum)) + Bf16(bias));
}

void Bf16Softmax(const float* logits, size_t n, float* probs) {
  const float max = *std::max_element(logits, logits + n);
  float sum = 0.0f;
  for (size_t e = 0; e < n; ++e) {
    probs[e] = Bf16(Exp(Bf16(logits[e] - max)));
    sum += probs[e];
  }
  const float divisor = Bf16(sum);
  for (size_t e = 0; e < n; ++e) probs[e] = Bf16(probs[e] / divisor);
}

}  // namespace

void Router_f32__reference(ConstMatF x, const float* kernel, const float* bias, MatF logits, MatF probs) {
  ProductWeights weights;
  weights.inputs = x.cols;
  weights.outputs = logits.cols;
  weights.stride = logits.cols;
  weights.kernel = kernel;
  weights.bias = bias;
  Product_f32__reference(x, weights, logits);
  std::copy_n(logits.data, logits.rows * logits.cols, probs.data);
  Softmax_f32__reference(probs);
}

void Router_bf16__reference(ConstMatF x, const float* kernel, const float* bias, MatF logits, MatF probs) {
  const size_t num_experts = logits.cols;
  for (size_t r = 0; r < x.rows; ++r) {
    for (size_t e = 0; e < num_experts; ++e) {
      logits.Row(r)[e] = Bf16Logit(x.Row(r), kernel + e, x.cols, num_experts, bias[e]);
    }
    Bf16Softmax(logits.Row(r), num_experts, probs.Row(r));
  }
}

}  // namespace smx
