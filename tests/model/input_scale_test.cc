// What a model file may say of the scales of its products' inputs, and that they do what they say.

#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <vector>

#include "support/changed_model.h"
#include "support/input_scales.h"

using smx::BackendChoice;
using smx::Encoder;
using smx::Options;
using smx::Status;
using smx::tests::AddAllInputScales;
using smx::tests::CheckLoads;
using smx::tests::ContentOf;
using smx::tests::LoadChanged;
using smx::tests::MemoryModel;
using smx::tests::ParameterOf;
using smx::tools::InputScales;
using smx::tools::ModelContent;
using smx::tools::WeightsType;
using smx::tools::WithArena;

namespace {

const std::string kSelf = "encoder/attention_0/self/input_scale";

void AddTwos(ModelContent* content) {
  AddAllInputScales([](size_t) { return 2.0f; }, content);
}

/// The scales of attention in layer 0 after `change`.
template <typename Change>
void CheckRefused(Change change, const std::string& word) {
  const auto with_scales = [&](ModelContent* content) {
    AddTwos(content);
    REQUIRE(content->input_scales[0].scales.name == kSelf);
    change(&content->input_scales[0], content);
  };
  CheckLoads(LoadChanged("bert", with_scales), Status::kInvalidModel, word);
}

void CheckValueRefused(float value, const std::string& word) {
  CheckRefused(
      [&](InputScales* scales, ModelContent*) {
        scales->kernels.clear();  // so that no kernel is divided by it
        scales->scales.values[3] = value;
      },
      kSelf + ": scale 3 is " + word + ", must be a positive normal number");
}

/// Logits of made-up texts.
std::vector<float> Logits(const ModelContent& content, BackendChoice backend, size_t* arena_bytes) {
  const MemoryModel model(content, WeightsType::kInt8);
  Options options;
  options.backend = backend;
  WithArena<Encoder> encoder(*model, options, "test");
  *arena_bytes = encoder.arena_bytes();
  std::vector<float> logits(model->info().num_classes);
  const std::vector<int32_t> ids = smx::tools::MadeUpText(model->info(), 5);
  REQUIRE(encoder->Run({ids.data(), ids.size()}, {}, {{}, {}, {logits.data(), logits.size()}}) == Status::kOk);
  return logits;
}

}  // namespace

TEST_CASE("model file: input scales are positive normal numbers, one for each input") {
  CHECK(LoadChanged("bert", AddTwos).status == Status::kOk);
  CheckValueRefused(0.0f, "0");
  CheckValueRefused(-1.0f, "-1");
  CheckValueRefused(1e-40f, "9.99995e-41");  // subnormal
  CheckValueRefused(std::numeric_limits<float>::infinity(), "inf");
  CheckValueRefused(std::numeric_limits<float>::quiet_NaN(), "nan");
  for (const uint32_t count : {31u, 33u}) {
    CheckRefused(
        [&](InputScales* scales, ModelContent*) {
          scales->kernels.clear();
          scales->scales.shape = {count};
          scales->scales.values.assign(count, 2.0f);
        },
        kSelf + ": shape [" + std::to_string(count) + "], the configuration asks for [32]");
  }
  CheckRefused(
      [](InputScales* scales, ModelContent*) {
        scales->scales.shape = {1, 32};
        scales->scales.channel_axis = 1;
      },
      kSelf + ": shape [1,32]");
}

TEST_CASE("model file: input scales are for int8 kernels of attention and dense feed-forward stages only") {
  CheckRefused(
      [](InputScales*, ModelContent* content) {
        for (const char* name : {"query", "key", "value"}) {
          ParameterOf(content, std::string("encoder/attention_0/self/") + name + "/kernel")->channel_axis = -1;
        }
      },
      kSelf + ": scales inputs of kernels of type F32, must be of QC8W");
  for (const std::string name :
       {"encoder/attention_0/self/out/input_scale", "encoder/attention_0/self/query/input_scale",
        "encoder/attention_9/self/input_scale", "encoder/pooler/input_scale"}) {
    CAPTURE(name);
    CheckRefused([&](InputScales* scales, ModelContent*) { scales->scales.name = name; }, "asks for");
  }
}

TEST_CASE("input scales: the same power of two for all inputs changes no bit, and no byte of the arena") {
  const ModelContent plain = ContentOf("bert");
  ModelContent scaled = plain;
  AddAllInputScales([](size_t) { return 0.25f; }, &scaled);
  REQUIRE(scaled.input_scales.size() == 3 * plain.config.layers.size());
  for (const BackendChoice backend : {BackendChoice::kBest, BackendChoice::kReference}) {
    size_t plain_bytes = 0, scaled_bytes = 0;
    CHECK(Logits(scaled, backend, &scaled_bytes) == Logits(plain, backend, &plain_bytes));
    CHECK(scaled_bytes == plain_bytes);
  }
}

TEST_CASE("input scales: different ones for each input change no answer but by rounding") {
  const ModelContent plain = ContentOf("bert");
  ModelContent scaled = plain;
  AddAllInputScales([](size_t j) { return j % 2 == 0 ? 0.8f : 1.3f; }, &scaled);
  size_t bytes = 0;
  const std::vector<float> expected = Logits(plain, BackendChoice::kBest, &bytes);
  const std::vector<float> found = Logits(scaled, BackendChoice::kBest, &bytes);
  CHECK(found != expected);
  for (size_t i = 0; i < found.size(); ++i) CHECK(found[i] == doctest::Approx(expected[i]).epsilon(0.05));
}
