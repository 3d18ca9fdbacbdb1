// The temperature of a model through the programs: from config.json to what they show and answer.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "model_writer.h"
#include "support/models.h"
#include "support/programs.h"

using nlohmann::json;
using smx::tests::GoldenFolder;
using smx::tests::GoldenIo;
using smx::tests::Holds;
using smx::tests::ModelWithKeys;
using smx::tests::ReadConfig;
using smx::tests::ReadFile;
using smx::tests::ShippedFolder;
using smx::tests::ShippedModel;
using smx::tests::SmxJson;
using smx::tests::SmxOut;
using smx::tests::TemporaryFolder;

TEST_CASE("temperature: a temperature changes how sure the answers are, and not what they are") {
  const TemporaryFolder folder;
  const std::string text = "Where is my new card?";
  const std::string model = ModelWithKeys(folder, ShippedFolder(), {{"temperature", 3}});
  // softmax(x / 3) goes with the power temperature / 3 of softmax(x / temperature).
  const double power = ReadConfig(ShippedFolder()).value("temperature", 1.0) / 3;
  const json before = SmxJson({"classify", ShippedModel(), text, "--top", "77", "--json"}).at("labels");
  const json after = SmxJson({"classify", model, text, "--top", "77", "--json"}).at("labels");
  double sum = 0;
  for (const json& item : before) sum += std::pow(item.at("probability").get<double>(), power);
  for (size_t i = 0; i < 3; ++i) {
    CHECK(after[i].at("label") == before[i].at("label"));
    const double expected = std::pow(before[i].at("probability").get<double>(), power) / sum;
    CHECK(after[i].at("probability").get<double>() == doctest::Approx(expected).epsilon(1e-4));
  }
}

TEST_CASE("temperature: smx-quantize takes the temperature of config.json, and inspect shows it") {
  const TemporaryFolder folder;
  CHECK(SmxJson({"inspect", ShippedModel(), "--json"}).at("temperature") ==
        ReadConfig(ShippedFolder()).value("temperature", 1.0));
  for (const json& temperature : {json(1.2871204), json(0.01), json(100), json(1), json()}) {
    CAPTURE(temperature);
    const std::string model = ModelWithKeys(folder, GoldenFolder("linear"), {{"temperature", temperature}});
    const json expected = temperature.is_null() ? json(1) : temperature;
    CHECK(SmxJson({"inspect", model, "--json"}).at("temperature") == expected);
  }
  const std::string model = ModelWithKeys(folder, GoldenFolder("linear"), {{"temperature", 1.2871204}});
  CHECK(Holds(SmxOut({"inspect", model}), "temperature               1.2871204\n"));
  SmxOut({"inspect", model, "--html", folder.Path("report.html")});
  CHECK(Holds(ReadFile(folder.Path("report.html")), "<th>temperature</th><td>1.2871204</td>"));
}

TEST_CASE("temperature: smx run gives the same bytes at any temperature") {
  const TemporaryFolder folder;
  const auto outputs = [&](double temperature) {
    const std::string model = ModelWithKeys(folder, GoldenFolder("linear"), {{"temperature", temperature}});
    SmxOut({"run", model, "--input", GoldenIo("linear"), "--output", folder.Path("out.safetensors")});
    return ReadFile(folder.Path("out.safetensors"));
  };
  CHECK(outputs(2.5) == outputs(1));
}

TEST_CASE("temperature: classify names the label of the largest logit where probabilities round to the same") {
  smx::tools::ModelContent content = smx::tests::ReadModelFolder(ShippedFolder(), "model.safetensors");
  content.config.temperature = 100;
  for (smx::tools::Parameter& parameter : content.checkpoint.parameters) {
    std::vector<float>& values = parameter.values;
    if (parameter.name == "classification/output_kernel") values.assign(values.size(), 0.0f);
    if (parameter.name != "classification/output_bias") continue;
    values.assign(values.size(), 1.0f);
    values[5] = std::nextafter(1.0f, 2.0f);
  }
  const std::vector<uint8_t> bytes = SerializeModel(content, smx::tools::WeightsType::kInt8);
  const TemporaryFolder folder;
  const std::string model = folder.Write("model.smx", {bytes.begin(), bytes.end()});
  const json labels = SmxJson({"classify", model, "any text", "--top", "7", "--json"}).at("labels");
  std::vector<size_t> order;
  for (const json& item : labels) {
    REQUIRE(item.at("probability") == labels[0].at("probability"));
    const auto found = std::find(content.config.labels.begin(), content.config.labels.end(), item.at("label"));
    order.push_back(static_cast<size_t>(found - content.config.labels.begin()));
  }
  CHECK(order == std::vector<size_t>{5, 0, 1, 2, 3, 4, 6});
}
