// What stands between the Encoder's logits and a probability: the model's temperature, and softmax.

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>

#include "engine.h"
#include "support/models.h"
#include "support/process.h"

using smx::Classifier;
using smx::Encoder;
using smx::Prediction;
using smx::Status;
using smx::tests::MemoryModel;
using smx::tests::ReadModelFolder;
using smx::tests::ShippedFolder;
using smx::tools::ModelContent;
using smx::tools::WeightsType;
using smx::tools::WithArena;

namespace {

constexpr char kText[] = "Where is my new card?";
constexpr double kTemperatures[] = {0.01, 0.5, 1, 2.5, 100};

ModelContent ShippedWith(double temperature) {
  static const ModelContent shipped = ReadModelFolder(ShippedFolder(), "model.safetensors");
  ModelContent content = shipped;
  content.config.temperature = temperature;
  return content;
}

struct Answer {
  Prediction prediction;
  std::vector<float> probabilities;
};

Answer Classify(const smx::Model& model, const char* text = kText) {
  WithArena<Classifier> classifier(model, {}, "test");
  Answer answer;
  answer.probabilities.resize(model.info().num_classes);
  REQUIRE(classifier->Classify(text, {}, {}, answer.probabilities, &answer.prediction) == Status::kOk);
  return answer;
}

/// Of the same text, from the Encoder.
std::vector<float> Logits(const smx::Model& model) {
  auto tokenizer = smx::Tokenizer::Create(model);
  REQUIRE(tokenizer.ok());
  std::vector<int32_t> ids(model.info().max_seq_len), types(model.info().max_seq_len);
  smx::TokenizeResult result = {};
  REQUIRE(tokenizer->Tokenize(kText, {}, {}, {ids, types, {}}, &result) == Status::kOk);
  ids.resize(result.num_tokens);
  types.resize(result.num_tokens);
  WithArena<Encoder> encoder(model, {}, "test");
  std::vector<float> logits(model.info().num_classes);
  REQUIRE(encoder->Run(ids, types, {{}, {}, logits}) == Status::kOk);
  return logits;
}

std::vector<double> Softmax(const std::vector<float>& logits, double temperature) {
  std::vector<double> probabilities;
  double sum = 0;
  for (const float logit : logits) {
    probabilities.push_back(std::exp(static_cast<double>(logit) / temperature));
    sum += probabilities.back();
  }
  for (double& probability : probabilities) probability /= sum;
  return probabilities;
}

/// The shipped model with a head that gives `logits` to its first three classes whatever the text, and -1 to all else.
ModelContent WithLogits(const std::vector<float>& logits, double temperature) {
  ModelContent content = ShippedWith(temperature);
  for (smx::tools::Parameter& parameter : content.checkpoint.parameters) {
    std::vector<float>& values = parameter.values;
    if (parameter.name == "classification/output_kernel") values.assign(values.size(), 0.0f);
    if (parameter.name != "classification/output_bias") continue;
    values.assign(values.size(), -1.0f);
    std::copy(logits.begin(), logits.end(), values.begin());
  }
  return content;
}

}  // namespace

TEST_CASE("classifier: probabilities are the softmax of the logits by the temperature") {
  const std::vector<float> logits = Logits(*MemoryModel(ShippedWith(1), WeightsType::kInt8));
  for (const double temperature : {0.5, 1.37, 100.0}) {
    CAPTURE(temperature);
    const Answer answer = Classify(*MemoryModel(ShippedWith(temperature), WeightsType::kInt8));
    const std::vector<double> expected = Softmax(logits, temperature);
    double sum = 0;
    for (size_t i = 0; i < expected.size(); ++i) {
      CHECK(static_cast<double>(answer.probabilities[i]) == doctest::Approx(expected[i]).epsilon(2e-5));
      sum += static_cast<double>(answer.probabilities[i]);
    }
    CHECK(sum == doctest::Approx(1).epsilon(1e-5));
    CHECK(answer.prediction.probability == answer.probabilities[answer.prediction.class_index]);
  }
}

TEST_CASE("classifier: a temperature above 1 makes answers less sure, one below 1 surer, and none another label") {
  float before = 2;
  for (const double temperature : kTemperatures) {
    CAPTURE(temperature);
    const MemoryModel model(ShippedWith(temperature), WeightsType::kInt8);
    CHECK(model->info().temperature == temperature);
    const Answer answer = Classify(*model);
    CHECK(std::string(answer.prediction.label) == "card_arrival");
    CHECK(answer.prediction.probability < before);
    before = answer.prediction.probability;
  }
}

TEST_CASE("classifier: the encoder's logits have the same bits at any temperature") {
  const std::vector<float> expected = Logits(*MemoryModel(ShippedWith(1), WeightsType::kInt8));
  for (const double temperature : kTemperatures) {
    CAPTURE(temperature);
    const std::vector<float> found = Logits(*MemoryModel(ShippedWith(temperature), WeightsType::kInt8));
    CHECK(std::memcmp(found.data(), expected.data(), expected.size() * sizeof(float)) == 0);
  }
}

TEST_CASE("classifier: logits that round to one probability still have a largest") {
  const std::vector<float> logits = {1.0f, std::nextafter(1.0f, 2.0f), 1.0f};
  const MemoryModel model(WithLogits(logits, 100), WeightsType::kInt8);
  const Answer answer = Classify(*model);
  REQUIRE(answer.probabilities[0] == answer.probabilities[1]);
  CHECK(answer.prediction.class_index == 1);
  CHECK(answer.prediction.probability == answer.probabilities[1]);
}

TEST_CASE("classifier: of several labels each has the sigmoid of its logit by the temperature") {
  ModelContent content = WithLogits({0.75f, -1.5f, 3e38f}, 0.5);
  content.config.task = smx::schema::TaskKind_MULTI_LABEL;
  Answer answer = Classify(*MemoryModel(content, WeightsType::kInt8));
  CHECK(answer.probabilities[0] == doctest::Approx(1 / (1 + std::exp(-1.5))));
  CHECK(answer.probabilities[1] == doctest::Approx(1 / (1 + std::exp(3.0))));
  CHECK(answer.probabilities[2] == 1);
  CHECK(answer.prediction.class_index == 2);
  CHECK(answer.prediction.probability == 1);
  content = WithLogits({-3e38f, -1.0f, -1.0f}, 0.01);
  content.config.task = smx::schema::TaskKind_MULTI_LABEL;
  answer = Classify(*MemoryModel(content, WeightsType::kInt8));
  CHECK(answer.probabilities[0] == 0);
  CHECK(answer.prediction.class_index == 1);
  CHECK(answer.prediction.probability == answer.probabilities[1]);
}

TEST_CASE("classifier: of equal logits the first is the label") {
  CHECK(Classify(*MemoryModel(WithLogits({0.0f, 2.0f, 2.0f}, 1), WeightsType::kInt8)).prediction.class_index == 1);
}

TEST_CASE("classifier: the lowest temperature and logits far apart are certainty, not NaN") {
  const Answer answer = Classify(*MemoryModel(WithLogits({3e38f, -3e38f, 0.0f}, 0.01), WeightsType::kInt8));
  CHECK(answer.prediction.class_index == 0);
  CHECK(answer.prediction.probability == 1);
  for (size_t i = 1; i < answer.probabilities.size(); ++i) CHECK(answer.probabilities[i] == 0);
}

TEST_CASE("classifier: an empty text of a tokenizer that puts no tokens around is a pad") {
  ModelContent content = ShippedWith(1);
  REQUIRE(content.config.padding == smx::schema::Padding_MASKED);
  content.tokenizer->adds_cls = content.tokenizer->adds_sep = false;
  const MemoryModel model(content, WeightsType::kInt8);
  CHECK(Classify(*model, "").probabilities == Classify(*model, "[PAD]").probabilities);
}
