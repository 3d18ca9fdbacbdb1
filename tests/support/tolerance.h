#ifndef SMX_TESTS_SUPPORT_TOLERANCE_H_
#define SMX_TESTS_SUPPORT_TOLERANCE_H_

#include <cmath>
#include <cstddef>

namespace smx::tests {

/// f32 against the JAX reference, on every layer, pooled and logits; the reference against itself in other summing
/// orders stays below 7e-6.
inline constexpr float kGoldenF32 = 2e-5f;

/// The same with the bfloat16 router where another summing order tips single router values by one step of bfloat16.
inline constexpr float kGoldenBf16Tipped = 5e-3f;

/// How far int8 may move a logit from float32's. Three standard deviations of the rounding noise, to first order:
///
///   Rounding to a step s is noise of deviation s / sqrt(12). A row of activations spans about 6 of its own deviations
///   in 255 steps, a channel of weights about 3 to either side in 127, so the result of one product, relative to its
///   deviation, has noise e = sqrt((6 / 255)^2 / 12 + (3 / 127)^2 / 12) = 0.0096.
///   Layer norm brings rows back to deviation 1, so the noise of the embedding's product and of four products per layer
///   (mixing: 2 on the path, feed-forward: 2) adds up in squares: e * sqrt(1 + 4 * num_layers) on row 0.
///   Pooler (tanh does not enlarge) and head are f32; they enlarge by at most the norm of the pooler's largest column
///   and the head's largest row.
///
/// A token that takes another expert because of the noise is not in this: its weight is then near another's, and the
/// golden cases show that it stays inside.
inline double Int8LogitBound(size_t num_layers, double pooler_column_norm, double head_row_norm) {
  const double noise = std::sqrt((6.0 / 255) * (6.0 / 255) / 12 + (3.0 / 127) * (3.0 / 127) / 12);
  return 3 * noise * std::sqrt(1.0 + 4.0 * static_cast<double>(num_layers)) * pooler_column_norm * head_row_norm;
}

}  // namespace smx::tests

#endif  // SMX_TESTS_SUPPORT_TOLERANCE_H_
