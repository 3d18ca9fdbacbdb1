#ifndef SMX_TESTS_SUPPORT_TOLERANCE_H_
#define SMX_TESTS_SUPPORT_TOLERANCE_H_

namespace smx::tests {

/// f32 against the JAX reference, on every layer, pooled and logits; the reference against itself in other summing
/// orders stays below 7e-6.
inline constexpr float kGoldenF32 = 2e-5f;

/// One int8 product against the exact same integers by another kernel, relative: two scales and a bias are rounded.
inline constexpr float kInt8ProductRelative = 1e-5f;

}  // namespace smx::tests

#endif  // SMX_TESTS_SUPPORT_TOLERANCE_H_
