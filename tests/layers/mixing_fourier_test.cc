// Fourier and Hartley mixing by every way, against the definition in double, in whole models.

#include <cmath>
#include <vector>

#include <doctest/doctest.h>

#include "support/count.h"
#include "support/mixing_ways.h"
#include "support/models.h"
#include "support/random_model.h"
#include "support/session.h"

using smx::BackendChoice;
using smx::MixingWay;
using smx::Options;
using smx::tests::MemoryModel;
using smx::tests::MixingRows;
using smx::tests::MixingSeen;
using smx::tests::ModelOfMixing;
using smx::tests::NumModels;
using smx::tests::Random;
using smx::tests::RelativeError;
using smx::tests::RunMixing;
using smx::tests::SameBits;
using smx::tests::Session;
using smx::tests::TokenInput;
using smx::tests::Ways;
using smx::tools::ModelContent;
using smx::tools::WeightsType;

namespace schema = smx::schema;

namespace {

constexpr uint64_t kFirstSeed = 20261201;
constexpr double kPi = 3.14159265358979323846;

/// Re(F_n X F_d), or Re - Im: the cosine of the sum of both phases, or cosine and sine.
std::vector<double> Definition(const MixingRows& x, bool is_hartley) {
  const auto cas = [&](double phase) { return is_hartley ? std::cos(phase) + std::sin(phase) : std::cos(phase); };
  const size_t n = x.rows, d = x.cols;
  std::vector<double> y(n * d);
  for (size_t a = 0; a < n; ++a) {
    for (size_t b = 0; b < d; ++b) {
      double sum = 0;
      for (size_t i = 0; i < n; ++i) {
        const double row_phase = 2 * kPi * static_cast<double>(a * i % n) / static_cast<double>(n);
        for (size_t j = 0; j < d; ++j) {
          const double phase = row_phase + 2 * kPi * static_cast<double>(b * j % d) / static_cast<double>(d);
          sum += static_cast<double>(x.values[i * d + j]) * cas(phase);
        }
      }
      y[a * d + b] = sum;
    }
  }
  return y;
}

schema::MixingKind KindOf(uint64_t seed) {
  return seed % 2 == 0 ? schema::MixingKind_FOURIER : schema::MixingKind_HARTLEY;
}

/// Compares the first layer's mixing with the definition; the bound is of the largest value of the output.
void CheckDefinition(const ModelContent& content, WeightsType type, MixingWay way, const TokenInput& input,
                     double bound) {
  CAPTURE(static_cast<int>(way));
  const MixingSeen seen = RunMixing(*MemoryModel(content, type), way, input);
  const bool is_hartley = content.config.layers[0].mixing == schema::MixingKind_HARTLEY;
  CHECK(RelativeError(Definition(seen.x, is_hartley), seen.mixed) <= bound);
}

}  // namespace

TEST_CASE("Fourier, Hartley: float32 agrees with the definition by every way, for random models and both paddings") {
  for (uint64_t seed = kFirstSeed; seed < kFirstSeed + NumModels(60); ++seed) {
    CAPTURE(seed);
    const ModelContent content = ModelOfMixing(seed, KindOf(seed));
    CAPTURE(smx::tests::Describe(content.config));
    Random random(seed);
    const TokenInput input = smx::tests::RandomInput(*MemoryModel(content, WeightsType::kF32), &random);
    for (const MixingWay way : Ways()) CheckDefinition(content, WeightsType::kF32, way, input, 2e-6);
  }
}

TEST_CASE("Fourier, Hartley: float32 agrees with the definition for every short length and width") {
  for (uint32_t length = 1; length <= 12; ++length) {
    for (uint32_t d_model = 1; d_model <= 12; ++d_model) {
      CAPTURE(length);
      CAPTURE(d_model);
      const ModelContent content = ModelOfMixing(length + d_model, KindOf(length * 12 + d_model), length, d_model);
      TokenInput input;
      input.token_ids.assign(length, static_cast<int32_t>(content.config.pad_id == 0 ? 1 : 0));
      for (const MixingWay way : Ways()) CheckDefinition(content, WeightsType::kF32, way, input, 2e-6);
    }
  }
}

TEST_CASE("Fourier, Hartley: int8 products stay within the noise of two roundings of the definition") {
  // Two products in a row, each with noise 0.0096 of a row's deviation (support/tolerance.h); four deviations of the
  // noise are far from the largest value, which is several deviations itself.
  for (uint64_t seed = kFirstSeed; seed < kFirstSeed + NumModels(30); ++seed) {
    CAPTURE(seed);
    const ModelContent content = ModelOfMixing(seed, KindOf(seed));
    CAPTURE(smx::tests::Describe(content.config));
    Random random(seed);
    const TokenInput input = smx::tests::RandomInput(*MemoryModel(content, WeightsType::kF32), &random);
    CheckDefinition(content, WeightsType::kInt8, MixingWay::kAuto, input, 4 * std::sqrt(2.0) * 0.0096);
  }
}

TEST_CASE(
    "Fourier, Hartley: int8 has the same bits by the best products, XNNPACK's and the reference, at every length") {
  for (uint64_t seed = kFirstSeed; seed < kFirstSeed + NumModels(40); ++seed) {
    CAPTURE(seed);
    const ModelContent content = ModelOfMixing(seed, KindOf(seed));
    CAPTURE(smx::tests::Describe(content.config));
    const MemoryModel model(content, WeightsType::kInt8);
    Options reference, xnnpack;
    reference.backend = BackendChoice::kReference;
    xnnpack.backend = BackendChoice::kXnnpack;  // the reference where it is not built in
    Session fast(*model), packed(*model, xnnpack), slow(*model, reference);
    Random random(seed);
    for (int i = 0; i < 4; ++i) {
      const TokenInput input = smx::tests::RandomInput(*model, &random);
      const bool wants_hidden = random.Percent(50);
      const auto expected = slow.Run(input, wants_hidden);
      CHECK(SameBits(fast.Run(input, wants_hidden), expected));
      CHECK(SameBits(packed.Run(input, wants_hidden), expected));
    }
  }
}
