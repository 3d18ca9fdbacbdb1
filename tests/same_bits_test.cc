// An answer depends on the model and the text alone: not on threads, neighbours, earlier calls, the arena's place or
// the longest text that was planned for. All of it bit by bit, on random models of every shape.

#include <algorithm>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/count.h"
#include "support/models.h"
#include "support/random_model.h"
#include "support/session.h"
#include "tsv.h"

using smx::BackendChoice;
using smx::Classifier;
using smx::Options;
using smx::Prediction;
using smx::tests::Answer;
using smx::tests::MemoryModel;
using smx::tests::NumModels;
using smx::tests::Random;
using smx::tests::RandomInput;
using smx::tests::RandomModel;
using smx::tests::SameBits;
using smx::tests::Session;
using smx::tests::TokenInput;
using smx::tools::ModelContent;
using smx::tools::WeightsType;
using smx::tools::WithArena;

namespace {

constexpr uint64_t kFirstSeed = 20261125;

/// Weights and kernels that an answer can come from; float32 knows the reference kernels only.
struct Path {
  const char* name;
  WeightsType type;
  BackendChoice backend;
};
constexpr Path kPaths[] = {{"f32", WeightsType::kF32, BackendChoice::kBest},
                           {"int8", WeightsType::kInt8, BackendChoice::kBest},
                           {"int8 reference", WeightsType::kInt8, BackendChoice::kReference}};

/// Calls `check(model, options, random)` for `count` random models on every path.
template <typename Check>
void ForRandomModels(size_t count, Check check) {
  for (uint64_t seed = kFirstSeed; seed < kFirstSeed + count; ++seed) {
    CAPTURE(seed);
    const ModelContent content = RandomModel(seed);
    CAPTURE(smx::tests::Describe(content.config));
    for (const Path& path : kPaths) {
      CAPTURE(std::string(path.name));
      const MemoryModel model(content, path.type);
      Options options;
      options.backend = path.backend;
      Random random(seed);
      check(*model, options, &random);
    }
  }
}

std::vector<TokenInput> RandomInputs(const smx::Model& model, size_t count, Random* random) {
  std::vector<TokenInput> inputs;
  for (size_t i = 0; i < count; ++i) inputs.push_back(RandomInput(model, random));
  return inputs;
}

}  // namespace

TEST_CASE("same bits: 1 thread and 2") {
  ForRandomModels((NumModels(120) + 9) / 10, [](const smx::Model& model, Options options, Random* random) {
    if (options.backend == BackendChoice::kReference) return;  // has one thread
    Session one(model, options);
    options.num_threads = 2;
    Session two(model, options);
    for (const TokenInput& input : RandomInputs(model, 2, random)) CHECK(SameBits(two.Run(input), one.Run(input)));
  });
}

TEST_CASE("same bits: a model large enough that every step is split among threads") {
  for (uint64_t seed = kFirstSeed; seed < kFirstSeed + (NumModels(120) + 9) / 10; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    smx::tools::ModelConfig config = smx::tests::RandomModelConfig(&random);
    config.d_model = config.num_heads * static_cast<uint32_t>(random.Between(150, 200) / config.num_heads);
    config.d_emb = config.has_hidden_mapping ? 160 : config.d_model;
    config.d_ff = 200;
    config.max_seq_len = static_cast<uint32_t>(random.Between(250, 300));
    CAPTURE(smx::tests::Describe(config));
    const ModelContent content = smx::tests::RandomWeights(config, &random);
    for (const WeightsType type : {WeightsType::kF32, WeightsType::kInt8}) {
      const MemoryModel model(content, type);
      const TokenInput input = RandomInput(*model, &random);
      const Answer answer = Session(*model).Run(input);
      for (const size_t num_threads : {2, 3}) {
        Options options;
        options.num_threads = num_threads;
        CHECK(SameBits(Session(*model, options).Run(input), answer));
      }
    }
  }
}

// Few, as waiting threads spin.
TEST_CASE("same bits: more threads than cores") {
  ForRandomModels(2, [](const smx::Model& model, Options options, Random* random) {
    const TokenInput input = RandomInput(model, random);
    const Answer answer = Session(model, options).Run(input);
    options.num_threads = 5;
    CHECK(SameBits(Session(model, options).Run(input), answer));
  });
}

TEST_CASE("same bits: a text alone, and after other texts in any order, whatever outputs they asked for") {
  ForRandomModels(NumModels(80), [](const smx::Model& model, const Options& options, Random* random) {
    const std::vector<TokenInput> inputs = RandomInputs(model, 4, random);
    std::vector<Answer> alone;
    for (const TokenInput& input : inputs) alone.push_back(Session(model, options).Run(input));
    Session reused(model, options);
    for (int i = 0; i < 12; ++i) {
      const size_t which = random->Between(0, inputs.size() - 1);
      CHECK(SameBits(reused.Run(inputs[which], random->Percent(50)), alone[which]));
    }
  });
}

TEST_CASE("same bits: two sessions of one model, in turns") {
  ForRandomModels(NumModels(40), [](const smx::Model& model, const Options& options, Random* random) {
    const std::vector<TokenInput> inputs = RandomInputs(model, 3, random);
    Session first(model, options);
    Session second(model, options);
    std::vector<Answer> answers;
    for (const TokenInput& input : inputs) answers.push_back(first.Run(input));
    for (size_t i = 0; i < 6; ++i) {
      Session& session = i % 2 == 0 ? second : first;
      const size_t which = i * 2 % 3;
      CHECK(SameBits(session.Run(inputs[which]), answers[which]));
    }
  });
}

TEST_CASE("same bits: an arena at each of the 64 places in a cache line") {
  ForRandomModels((NumModels(120) + 9) / 10, [](const smx::Model& model, const Options& options, Random* random) {
    const TokenInput input = RandomInput(model, random);
    const Answer answer = Session(model, options).Run(input);
    for (size_t shift = 1; shift < 64; ++shift) {
      CAPTURE(shift);
      CHECK(SameBits(Session(model, options, shift).Run(input), answer));
    }
  });
}

TEST_CASE("same bits: max_tokens as long as the text, or longer") {
  size_t num_compared = 0;
  ForRandomModels(NumModels(120), [&](const smx::Model& model, Options options, Random* random) {
    if (!smx::tests::TakesAnyLength(model)) return;
    Session longest(model, options);
    for (const TokenInput& input : RandomInputs(model, 3, random)) {
      CAPTURE(input.num_tokens());
      const Answer answer = longest.Run(input);
      options.max_tokens = input.num_tokens();
      Session exact(model, options);
      CHECK(SameBits(exact.Run(input), answer));
      options.max_tokens = random->Between(input.num_tokens(), model.info().max_seq_len);
      CHECK(SameBits(Session(model, options).Run(input), answer));
      ++num_compared;
    }
  });
  CHECK(num_compared > 0);
}

TEST_CASE("same bits: the shipped model labels its test texts alike in any order, and in sessions that take turns") {
  const ModelContent content = smx::tests::ReadModelFolder(smx::tests::ShippedFolder(), "model.safetensors");
  const MemoryModel model(content, WeightsType::kInt8);
  std::vector<std::string> texts = {"", "Where is my new card?", std::string(2000, 'a')};
  const auto test_set = smx::tools::ReadTsv(smx::tests::ShippedFolder() + "/test.tsv", {});
  for (size_t i = 0; i < 27; ++i) texts.push_back(test_set[i * 31 % test_set.size()].text);

  const auto classify = [&](WithArena<Classifier>& classifier, const std::string& text) {
    std::vector<float> probabilities(model->info().num_classes);
    Prediction prediction;
    classifier.Check(classifier->Classify(text, {}, {}, probabilities, &prediction));
    return probabilities;
  };
  std::vector<std::vector<float>> alone;
  for (const std::string& text : texts) {
    WithArena<Classifier> fresh(*model, {}, "test");
    alone.push_back(classify(fresh, text));
  }
  Options two_threads;
  two_threads.num_threads = 2;
  WithArena<Classifier> first(*model, {}, "test");
  WithArena<Classifier> second(*model, two_threads, "test");
  Random random(kFirstSeed);
  for (int i = 0; i < 60; ++i) {
    const size_t which = random.Between(0, texts.size() - 1);
    CAPTURE(texts[which]);
    CHECK(SameBits(classify(random.Percent(75) ? first : second, texts[which]), alone[which]));
  }
}
