// Circulant and Toeplitz mixing beside the linear mixing that they equal, on random models.

#include <algorithm>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/count.h"
#include "support/mixing_ways.h"
#include "support/models.h"
#include "support/random_model.h"
#include "support/session.h"

using smx::BackendChoice;
using smx::Options;
using smx::tests::MemoryModel;
using smx::tests::MixingRows;
using smx::tests::MixingSeen;
using smx::tests::ModelOfMixing;
using smx::tests::NumModels;
using smx::tests::Random;
using smx::tests::SameBits;
using smx::tests::Session;
using smx::tests::TokenInput;
using smx::tools::ModelContent;
using smx::tools::Parameter;
using smx::tools::WeightsType;

namespace {

constexpr uint64_t kFirstSeed = 20261130;

/// The matrix of a vector t [1, 2n - 1], T[r, c] = t[n - 1 + c - r], as a linear kernel: T for the sequence, its
/// transpose for the hidden axis.
void WriteOut(Parameter* kernel) {
  const uint32_t n = (kernel->shape[1] + 1) / 2;
  const bool is_hidden = kernel->name.find("hidden_kernel") != std::string::npos;
  std::vector<float> matrix(size_t{n} * n);
  for (size_t r = 0; r < n; ++r) {
    for (size_t c = 0; c < n; ++c) matrix[is_hidden ? c * n + r : r * n + c] = kernel->values[n - 1 + c - r];
  }
  kernel->values = matrix;
  kernel->shape = {n, n};
  kernel->channel_axis = is_hidden ? 1 : 0;
}

ModelContent AsLinear(const ModelContent& content, const std::string& transform) {
  ModelContent linear = content;
  for (smx::tools::LayerKinds& layer : linear.config.layers) layer.mixing = smx::schema::MixingKind_LINEAR;
  for (Parameter& parameter : linear.checkpoint.parameters) {
    const size_t at = parameter.name.find(transform + "_transform");
    if (at == std::string::npos) continue;
    parameter.name.replace(at, transform.size(), "linear");
    WriteOut(&parameter);
  }
  return linear;
}

/// t[n - 1 + c - r], the matrix's value in row r and column c, of the first layer.
std::vector<float> VectorOf(const ModelContent& content, const std::string& name) {
  for (const Parameter& parameter : content.checkpoint.parameters) {
    if (parameter.name.find("_transform_0/" + name) != std::string::npos) return parameter.values;
  }
  FAIL("no " << name);
  return {};
}

/// Y[a, b] = sum of S[a, i] X[i, j] H[b, j]; a shorter text has the leading block of S.
std::vector<double> Definition(const ModelContent& content, const MixingRows& x) {
  const std::vector<float> s = VectorOf(content, "input_kernel");
  const std::vector<float> h = VectorOf(content, "hidden_kernel");
  const size_t length = content.config.max_seq_len, d = x.cols;
  std::vector<double> mixed(x.rows * d), y(x.rows * d);
  for (size_t a = 0; a < x.rows; ++a) {
    for (size_t i = 0; i < x.rows; ++i) {
      for (size_t j = 0; j < d; ++j) {
        mixed[a * d + j] += static_cast<double>(s[length - 1 + i - a]) * static_cast<double>(x.values[i * d + j]);
      }
    }
    for (size_t b = 0; b < d; ++b) {
      for (size_t j = 0; j < d; ++j) y[a * d + b] += static_cast<double>(h[d - 1 + j - b]) * mixed[a * d + j];
    }
  }
  return y;
}

void CheckDefinition(const ModelContent& content, WeightsType type, const TokenInput& input, double bound) {
  const MemoryModel model(content, type);
  for (const smx::MixingWay way : smx::tests::Ways()) {
    CAPTURE(static_cast<int>(way));
    const MixingSeen seen = smx::tests::RunMixing(*model, way, input);
    CHECK(smx::tests::RelativeError(Definition(content, seen.x), seen.mixed) <= bound);
  }
}

smx::schema::MixingKind KindOf(uint64_t seed) {
  return seed % 2 == 0 ? smx::schema::MixingKind_CIRCULANT : smx::schema::MixingKind_TOEPLITZ;
}

}  // namespace

TEST_CASE("circulant, Toeplitz: by every way as defined, for random models and both paddings") {
  for (uint64_t seed = kFirstSeed; seed < kFirstSeed + NumModels(60); ++seed) {
    CAPTURE(seed);
    const ModelContent content = ModelOfMixing(seed, KindOf(seed));
    CAPTURE(smx::tests::Describe(content.config));
    Random random(seed);
    const TokenInput input = smx::tests::RandomInput(*MemoryModel(content, WeightsType::kF32), &random);
    CheckDefinition(content, WeightsType::kF32, input, 2e-6);
    // Weights and, by products, activations are rounded for either axis: four deviations, see the Fourier test.
    CheckDefinition(content, WeightsType::kInt8, input, 4 * 2 * 0.0096);
  }
}

TEST_CASE("circulant, Toeplitz: float32 by every way as defined, for every short length and width") {
  for (uint32_t length = 1; length <= 12; ++length) {
    for (uint32_t d_model = 1; d_model <= 12; ++d_model) {
      CAPTURE(length);
      CAPTURE(d_model);
      const ModelContent content = ModelOfMixing(length + d_model, KindOf(length * 12 + d_model), length, d_model);
      TokenInput input;
      input.token_ids.assign(length, static_cast<int32_t>(content.config.pad_id == 0 ? 1 : 0));
      // Wider than above: of few terms it happens that all outputs are small differences of large ones.
      CheckDefinition(content, WeightsType::kF32, input, 1e-5);
    }
  }
}

TEST_CASE("circulant, Toeplitz: float32 has the bits of the linear mixing with the same matrices, in both paddings") {
  for (uint64_t seed = kFirstSeed; seed < kFirstSeed + NumModels(60); ++seed) {
    CAPTURE(seed);
    const bool circulant = seed % 2 == 0;
    const ModelContent content = ModelOfMixing(seed, KindOf(seed));
    CAPTURE(smx::tests::Describe(content.config));
    const MemoryModel model(content, WeightsType::kF32);
    const MemoryModel linear(AsLinear(content, circulant ? "circulant" : "toeplitz"), WeightsType::kF32);
    Random random(seed);
    for (int i = 0; i < 3; ++i) {
      const TokenInput input = smx::tests::RandomInput(*model, &random);
      Options options;
      options.mixing_way = smx::MixingWay::kProduct;
      for (const bool wants_hidden : {false, true}) {
        CHECK(SameBits(Session(*model, options).Run(input, wants_hidden), Session(*linear).Run(input, wants_hidden)));
      }
    }
  }
}

TEST_CASE("circulant, Toeplitz: int8 has the same bits by XNNPACK and by the reference kernels") {
  for (uint64_t seed = kFirstSeed; seed < kFirstSeed + NumModels(60); ++seed) {
    CAPTURE(seed);
    const ModelContent content = ModelOfMixing(seed, KindOf(seed));
    CAPTURE(smx::tests::Describe(content.config));
    const MemoryModel model(content, WeightsType::kInt8);
    Options reference;
    reference.backend = BackendChoice::kReference;
    Random random(seed);
    for (int i = 0; i < 2; ++i) {
      const TokenInput input = smx::tests::RandomInput(*model, &random);
      CHECK(SameBits(Session(*model).Run(input), Session(*model, reference).Run(input)));
    }
  }
}
