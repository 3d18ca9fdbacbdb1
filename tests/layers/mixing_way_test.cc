// Which way the planner takes, and that answers do not depend on it.

#include "layers/mixing_way.h"

#include <cmath>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/mixing_ways.h"
#include "support/models.h"
#include "support/session.h"

using smx::MixingWay;
using smx::Options;
using smx::tests::Answer;
using smx::tests::ChoiceOf;
using smx::tests::MemoryModel;
using smx::tests::ModelOfMixing;
using smx::tests::Random;
using smx::tests::SameBits;
using smx::tests::Session;
using smx::tests::TokenInput;
using smx::tools::ModelContent;
using smx::tools::WeightsType;

namespace schema = smx::schema;

namespace {

constexpr schema::MixingKind kKinds[] = {schema::MixingKind_FOURIER, schema::MixingKind_HARTLEY,
                                         schema::MixingKind_CIRCULANT, schema::MixingKind_TOEPLITZ};

}  // namespace

TEST_CASE("mixing way: costs grow with the shape; Hartley's products and non-circulant transforms cost more") {
  CHECK(smx::FourierCost(64, 64, false).product_macs < smx::FourierCost(64, 64, true).product_macs);
  CHECK(smx::FourierCost(64, 64, false).fft_us < smx::FourierCost(61, 64, false).fft_us);
  CHECK(smx::FourierCost(64, 61, false).fft_us > smx::FourierCost(64, 64, false).fft_us);
  CHECK(smx::ToeplitzCost(64, 64, true).fft_us < smx::ToeplitzCost(64, 64, false).fft_us);
  CHECK(smx::ToeplitzCost(61, 61, true).fft_us == smx::ToeplitzCost(61, 61, false).fft_us);
  CHECK(smx::ToeplitzCost(10, 20, false).product_macs == 10 * 20 * 30);
}

#if SMX_WITH_KISSFFT
smx::StageChoice Choice(schema::MixingKind mixing, uint32_t length, uint32_t d_model, WeightsType type,
                        const Options& options = {}) {
  return ChoiceOf(*MemoryModel(ModelOfMixing(1, mixing, length, d_model), type), options);
}

TEST_CASE("mixing way: the same answers within rounding, in any order of lengths; by FFT dead rows change no bit") {
  for (uint64_t seed = 20261202; seed < 20261202 + 80; ++seed) {
    CAPTURE(seed);
    const ModelContent content = ModelOfMixing(seed, kKinds[seed % 4]);
    if (content.config.experts) continue;  // another expert is another function
    CAPTURE(smx::tests::Describe(content.config));
    const MemoryModel model(content, WeightsType::kF32);
    Options options;
    options.mixing_way = MixingWay::kProduct;
    Session product(*model, options);
    options.mixing_way = MixingWay::kFft;
    Session fft(*model, options);
    options.skip_dead_rows = false;
    Session all_rows(*model, options);
    Random random(seed);
    for (int i = 0; i < 4; ++i) {
      const TokenInput input = smx::tests::RandomInput(*model, &random);
      const Answer expected = product.Run(input);
      const Answer found = fft.Run(input, random.Percent(50));
      CHECK(SameBits(all_rows.Run(input).logits, found.logits));
      for (size_t c = 0; c < expected.logits.size(); ++c) {
        CHECK(std::fabs(expected.logits[c] - found.logits[c]) <= 1e-3f);
      }
    }
  }
}

TEST_CASE("mixing way: the planner takes products for int8, else what is estimated to take less, and says so") {
  for (const schema::MixingKind kind : kKinds) {
    CAPTURE(std::string(schema::EnumNameMixingKind(kind)));
    CHECK(std::string(Choice(kind, 64, 64, WeightsType::kInt8).way) == "product");
    for (const auto& shape : {std::pair(64u, 64u), {128u, 60u}, {61u, 64u}, {31u, 29u}, {127u, 8u}, {7u, 7u}}) {
      const uint32_t length = shape.first, d_model = shape.second;
      CAPTURE(length);
      const smx::StageChoice made = Choice(kind, length, d_model, WeightsType::kF32);
      CHECK(std::string(made.way) == (made.fft_us < made.product_us ? "fft" : "product"));
      CHECK(std::string(made.why) == "less time by estimate");
    }
    // Both occur.
    CHECK(std::string(Choice(kind, 512, 512, WeightsType::kF32).way) == "fft");
    CHECK(std::string(Choice(kind, 7, 7, WeightsType::kF32).way) == "product");
  }
}

TEST_CASE("mixing way: options pin it, and the choice says so") {
  for (const schema::MixingKind kind : kKinds) {
    Options options;
    options.mixing_way = MixingWay::kFft;
    CHECK(std::string(Choice(kind, 31, 29, WeightsType::kInt8, options).way) == "fft");
    CHECK(std::string(Choice(kind, 31, 29, WeightsType::kInt8, options).why) == "as the options say");
    options.mixing_way = MixingWay::kProduct;
    CHECK(std::string(Choice(kind, 256, 256, WeightsType::kF32, options).way) == "product");
    options = {};
    options.backend = smx::BackendChoice::kReference;
    CHECK(std::string(Choice(kind, 256, 256, WeightsType::kF32, options).why) == "reference kernels only");
  }
}

TEST_CASE("mixing way: the choice is the model's: a shorter max_tokens changes neither it nor a bit") {
  const MemoryModel model(ModelOfMixing(2, schema::MixingKind_FOURIER, 64, 60), WeightsType::kF32);
  Options options;
  options.max_tokens = 7;
  CHECK(ChoiceOf(*model, options).fft_us == ChoiceOf(*model, {}).fft_us);
  TokenInput input;
  input.token_ids.assign(7, 1);
  CHECK(SameBits(Session(*model, options).Run(input), Session(*model).Run(input)));
}
#else
TEST_CASE("mixing way: without KissFFT the FFT is refused, and products compute") {
  for (const schema::MixingKind kind : kKinds) {
    const MemoryModel model(ModelOfMixing(2, kind, 64, 60), WeightsType::kF32);
    Options options;
    CHECK(std::string(ChoiceOf(*model, options).why) == "KissFFT is not built in");
    options.mixing_way = MixingWay::kFft;
    std::string message;
    options.log = {[](void* text, const char* line) { *static_cast<std::string*>(text) = line; }, &message};
    CHECK(smx::Encoder::ArenaBytes(*model, options).status() == smx::Status::kUnsupported);
    CHECK(message == "options: mixing_way kFft, but KissFFT is not built in");
  }
}
#endif
