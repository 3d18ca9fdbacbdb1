// One head of attention, in float32 and in int16, beside the same in double.

#include "kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include <doctest/doctest.h>

using smx::ConstMatF;
using smx::DenseMat;

namespace {

using Floats = std::vector<float>;

struct Head {
  size_t queries, keys, d_head;
  Floats q, k, v;

  ConstMatF query_rows() const { return DenseMat(q.data(), queries, d_head); }
  ConstMatF key_rows() const { return DenseMat(k.data(), keys, d_head); }
  ConstMatF value_rows() const { return DenseMat(v.data(), keys, d_head); }
};

Head RandomHead(size_t queries, size_t keys, size_t d_head, float spread) {
  std::mt19937_64 random(keys * 1000 + d_head);
  std::normal_distribution<float> normal(0.0f, spread);
  const auto draw = [&](size_t n) {
    Floats values(n);
    for (float& value : values) value = normal(random);
    return values;
  };
  return {queries, keys, d_head, draw(queries * d_head), draw(keys * d_head), draw(keys * d_head)};
}

Floats Attend(smx::AttentionHeadFn kernel, const Head& head, const unsigned char* is_real = nullptr) {
  const auto f32 = static_cast<size_t>(smx::AttentionScratchFloats(head.keys, head.d_head).value());
  const auto qs16 = static_cast<size_t>(smx::AttentionQs16ScratchFloats(head.keys, head.d_head).value());
  Floats scratch(kernel == smx::AttentionHead_f32__reference ? f32 : qs16);
  Floats out(head.queries * head.d_head);
  kernel(head.query_rows(), head.key_rows(), head.value_rows(), is_real, scratch.data(),
         DenseMat(out.data(), head.queries, head.d_head));
  return out;
}

double Dot(const float* a, const float* b, size_t n) {
  double sum = 0.0;
  for (size_t i = 0; i < n; ++i) sum += double{a[i]} * b[i];
  return sum;
}

std::vector<double> ExactAttention(const Head& head) {
  std::vector<double> out(head.queries * head.d_head);
  for (size_t i = 0; i < head.queries; ++i) {
    std::vector<double> weights(head.keys);
    for (size_t j = 0; j < head.keys; ++j) {
      weights[j] = Dot(&head.q[i * head.d_head], &head.k[j * head.d_head], head.d_head) /
                   std::sqrt(static_cast<double>(head.d_head));
    }
    const double max = *std::max_element(weights.begin(), weights.end());
    double sum = 0.0;
    for (double& weight : weights) sum += weight = std::exp(weight - max);
    for (size_t j = 0; j < head.keys; ++j) {
      for (size_t c = 0; c < head.d_head; ++c) {
        out[i * head.d_head + c] += weights[j] / sum * double{head.v[j * head.d_head + c]};
      }
    }
  }
  return out;
}

float LargestMagnitude(const float* values, size_t n) {
  float largest = 0.0f;
  for (size_t i = 0; i < n; ++i) largest = std::max(largest, std::fabs(values[i]));
  return largest;
}

/// What the header promises of the outputs of query i.
double Bound(const Head& head, size_t i) {
  const double largest_q = LargestMagnitude(&head.q[i * head.d_head], head.d_head);
  const double largest_k = LargestMagnitude(head.k.data(), head.k.size());
  const double largest_v = LargestMagnitude(head.v.data(), head.v.size());
  const double score = 1.01 * std::sqrt(static_cast<double>(head.d_head)) * largest_q * largest_k /
                       double{smx::AttentionLimit(head.d_head)};
  return (std::exp(2.0 * score) - 1.0 + static_cast<double>(head.keys) / 32767.0 + 1.0 / 8190.0) * largest_v;
}

constexpr smx::AttentionHeadFn kForms[] = {smx::AttentionHead_f32__reference, smx::AttentionHead_f32_qs16__reference};

}  // namespace

TEST_CASE("attention head: a pad as a query averages the values of all rows, pads included") {
  const Head head = {3, 3, 2, {1, 0, 0, 1, 0, 0}, {1, 0, 0, 1, 5, 5}, {3, 0, 6, 0, 9, 3}};
  const unsigned char is_real[] = {1, 1, 0};
  const double weight = 1.0 / (1.0 + std::exp(-1.0 / std::sqrt(2.0)));
  for (const smx::AttentionHeadFn form : kForms) {
    const Floats out = Attend(form, head, is_real);
    CHECK(out[0] == doctest::Approx(3.0 * weight + 6.0 * (1.0 - weight)).epsilon(2e-4));
    CHECK(out[2] == doctest::Approx(6.0 * weight + 3.0 * (1.0 - weight)).epsilon(2e-4));
    CHECK(out[4] == doctest::Approx(6.0).epsilon(2e-4));
    CHECK(out[5] == doctest::Approx(1.0).epsilon(2e-4));
  }
}

TEST_CASE("attention head: int16 keeps within the bound that it promises, and far within on the whole") {
  for (const size_t keys : {1, 2, 17, 128, 512}) {
    for (const size_t d_head : {1, 3, 64, 128}) {
      for (const float spread : {0.01f, 1.0f, 3.0f}) {
        CAPTURE(keys);
        CAPTURE(d_head);
        CAPTURE(spread);
        const Head head = RandomHead(5, keys, d_head, spread);
        const Floats out = Attend(smx::AttentionHead_f32_qs16__reference, head);
        const std::vector<double> exact = ExactAttention(head);
        const double largest_v = LargestMagnitude(head.v.data(), head.v.size());
        double squares = 0.0;
        for (size_t i = 0; i < out.size(); ++i) {
          const double error = std::fabs(double{out[i]} - exact[i]);
          squares += error * error;
          if (error > Bound(head, i / d_head) + 1e-6 * largest_v) FAIL_CHECK("output " << i << " errs by " << error);
        }
        CHECK(std::sqrt(squares / static_cast<double>(out.size())) < 1e-3 * largest_v);
      }
    }
  }
}

TEST_CASE("attention head: pads behind a text change no bit of its real tokens' answers") {
  const Head padded = RandomHead(13, 13, 6, 2.0f);
  Head alone = padded;
  alone.queries = alone.keys = 9;
  std::vector<unsigned char> is_real(13, 1);
  std::fill(is_real.begin() + 9, is_real.end(), static_cast<unsigned char>(0));
  for (const smx::AttentionHeadFn form : kForms) {
    const Floats with_pads = Attend(form, padded, is_real.data());
    const Floats without = Attend(form, alone);
    CHECK(std::memcmp(with_pads.data(), without.data(), size_t{9} * 6 * sizeof(float)) == 0);
  }
}

TEST_CASE("attention head: sums of int16 do not overflow where all values are the largest") {
  for (const size_t d_head : {2, 3, 64}) {
    Head head = {1, 65536, d_head, Floats(d_head, 3.0f), Floats(65536 * d_head, 7.0f), Floats(65536 * d_head, -5.0f)};
    const Floats out = Attend(smx::AttentionHead_f32_qs16__reference, head);
    for (const float value : out) CHECK(value == doctest::Approx(-5.0).epsilon(2e-4));
    const double limit = smx::AttentionLimit(d_head);
    CHECK(limit * limit * static_cast<double>(d_head) <= 2147483647.0);
  }
}

TEST_CASE("attention head: sums of int16 do not overflow where float32 adds up weights to too little") {
  // 2^16 weights, all but 155 of which are a little above 7.5 and become 8.
  constexpr size_t kKeys = 65536, kHeavy = 155;
  Head head = {1, kKeys, 1, {0.0f}, Floats(kKeys), Floats(kKeys, 4095.48999f)};
  for (size_t i = 0; i < kHeavy; ++i) head.v[i * kKeys / kHeavy] = 4642.52344f;
  const Floats out = Attend(smx::AttentionHead_f32_qs16__reference, head);
  CHECK(out[0] == doctest::Approx(4096.78).epsilon(1e-3));
}

TEST_CASE("attention head: scores of the largest magnitudes are finite, and a masked key stays masked") {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const unsigned char is_real[] = {1, 0};
  for (const float large : {1e34f, 1e38f, kInfinity}) {
    for (const float sign : {1.0f, -1.0f}) {
      Head head = {1, 2, 64, Floats(64, large), Floats(128, sign * large), Floats(128, 3.0f)};
      std::fill(head.v.begin() + 64, head.v.end(), 5.0f);
      const Floats out = Attend(smx::AttentionHead_f32_qs16__reference, head, is_real);
      for (const float value : out) CHECK(value == doctest::Approx(3.0));
    }
  }
}

TEST_CASE("attention head: int16 takes rows of zeros, infinities, and NaN as zero") {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  // Zeros as queries and keys score 0; a value of zeros weighs as much as others.
  const Head zeros = {1, 2, 2, {0, 0}, {0, 0, 0, 0}, {0, 0, 1, 3}};
  const Floats half = Attend(smx::AttentionHead_f32_qs16__reference, zeros);
  CHECK(half[0] == doctest::Approx(0.5).epsilon(2e-4));
  CHECK(half[1] == doctest::Approx(1.5).epsilon(2e-4));
  const Head odd = {1, 2, 2, {nan, 1}, {kInfinity, 0, 0, 0}, {nan, 2, 4, 2}};
  const Floats out = Attend(smx::AttentionHead_f32_qs16__reference, odd);
  CHECK(out[0] == doctest::Approx(2.0).epsilon(2e-4));
  CHECK(out[1] == doctest::Approx(2.0).epsilon(2e-4));
}
