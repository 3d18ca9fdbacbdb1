#ifndef SMX_KERNELS_ELEMENTARY_H_
#define SMX_KERNELS_ELEMENTARY_H_

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

namespace smx {

// exp and the sums behind layer norm and softmax, defined down to the order of their operations, each of which IEEE 754
// rounds alike everywhere: so kernels of every instruction set have the bits of the reference kernels. No step may be
// contracted into a fused one.

/// exp(x) = 2^n (1 + r + r^2 P(r)), where n is the integer nearest to x / ln 2 and r = x - n ln 2, |r| <= ln 2 / 2:
///
///   t = x * kLog2E + kRound,  n = t - kRound       rounds half to even; n is in the low bits of t
///   r = x - n * kLn2High - n * kLn2Low             kLn2High has 9 bits, so its product is exact
///   P by Horner's rule from the last of kExpTerms, then (P * (r * r) + r) + 1
///
/// 0 below kExpLowest, infinity above kExpHighest, NaN for NaN. Relative error at most 8.1e-8. P was fitted to least
/// relative error.
inline constexpr float kLog2E = 1.44269504f;
inline constexpr float kRound = 12582912.0f;  // 1.5 * 2^23
inline constexpr float kLn2High = 0.693359375f;
inline constexpr float kLn2Low = -2.12194440e-4f;
inline constexpr float kExpTerms[] = {0.49999994f, 0.16666521f, 0.041668389f, 0.0083687175f, 0.0013814593f};
inline constexpr float kExpLowest = -87.33f;
inline constexpr float kExpHighest = 88.37f;

/// Of |x| < 2^22. As nearbyintf gives it, which is a call of the C library.
inline float RoundHalfEven(float x) { return x + kRound - kRound; }

inline float Exp(float x) {
  const float t = x * kLog2E + kRound;
  const float n = t - kRound;
  const float r = x - n * kLn2High - n * kLn2Low;
  float p = kExpTerms[4];
  for (size_t i = 4; i-- > 0;) p = p * r + kExpTerms[i];
  uint32_t bits = 0;
  std::memcpy(&bits, &t, sizeof(bits));
  bits = (bits << 23) + 0x3f800000u;
  float two_to_n = 0;
  std::memcpy(&two_to_n, &bits, sizeof(bits));
  float result = (p * (r * r) + r + 1.0f) * two_to_n;
  result = x < kExpLowest ? 0.0f : result;
  return x > kExpHighest ? std::numeric_limits<float>::infinity() : result;
}

/// Absolute error at most 1.2e-7.
inline float Tanh(float x) {
  const float t = 1.0f - 2.0f / (Exp(2.0f * std::fabs(x)) + 1.0f);
  return x < 0.0f ? -t : t;
}

/// The tanh form of gelu: 0.5 (1 + tanh(u)) is 1 / (1 + exp(-2 u)), so
/// gelu(x) = x / (1 + exp(x * (x * x * kGeluCubic + 1) * kGeluScale)).
inline constexpr float kGeluCubic = 0.044715f;
inline constexpr float kGeluScale = -1.5957691216f;  // -2 sqrt(2 / pi)

/// The exact form, x Phi(x), by the tail Phi(-a) = t exp(-a^2 / 2 + Q(t)), where a = |x|, t = 1 / (1 + kTailSlope a),
/// and Q goes by Horner's rule from the last of kTailTerms. Absolute error at most 2.4e-7 for |x| up to 13.
inline constexpr float kTailSlope = 0.3f;
inline constexpr float kTailTerms[] = {-2.1209371f, 0.96774554f, 0.62651342f, -0.62497663f,
                                       1.6207685f,  -2.0087409f, 1.0509539f,  -0.20447396f};

/// Values i, i + kSumLanes, i + 2 kSumLanes ... of a row are added in order into lane i, and lanes as below.
inline constexpr size_t kSumLanes = 16;

inline float SumOfLanes(float* lanes) {
  for (size_t half = kSumLanes / 2; half > 0; half /= 2) {
    for (size_t i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

/// `value(i)` is value i of a row of n.
template <typename Value>
float SumInLanes(size_t n, const Value& value) {
  float lanes[kSumLanes] = {};
  for (size_t i = 0; i < n; ++i) lanes[i % kSumLanes] += value(i);
  return SumOfLanes(lanes);
}

}  // namespace smx

#endif  // SMX_KERNELS_ELEMENTARY_H_
