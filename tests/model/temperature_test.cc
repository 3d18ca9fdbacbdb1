// The temperature in a model file: none means 1, and what is no sensible number is refused.

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "model_writer.h"
#include "support/model_bytes.h"
#include "support/models.h"

using smx::Model;
using smx::Status;
using smx::VerifyWeights;
using smx::tests::Loaded;
using smx::tests::ModelBytes;
using smx::tools::ModelContent;
using smx::tools::SerializeModel;
using smx::tools::WeightsType;

namespace schema = smx::schema;

namespace {

constexpr flatbuffers::voffset_t kField = schema::Config::VT_TEMPERATURE;

ModelContent ContentOf(const std::string& name, double temperature) {
  ModelContent content = smx::tests::ReadModelFolder(smx::tests::GoldenFolder(name), "params.safetensors");
  content.config.temperature = temperature;
  return content;
}

ModelBytes File(const std::string& name, double temperature) {
  return ModelBytes(SerializeModel(ContentOf(name, temperature), WeightsType::kInt8));
}

bool IsThere(const ModelBytes& file) {
  return reinterpret_cast<const flatbuffers::Table*>(file.model().config())->GetOptionalFieldOffset(kField) != 0;
}

double TemperatureOf(const ModelBytes& file) {
  const smx::Result<Model> model = Model::FromMemory({file.data(), file.size()});
  REQUIRE(model.ok());
  return model->info().temperature;
}

/// Loads after the temperature became `value`, which must be refused with every one of `words`.
void CheckRefused(const ModelBytes& file, double value, const std::vector<std::string>& words) {
  file.Set(*file.model().config(), kField, value);
  const Loaded loaded = file.LoadRehashed(VerifyWeights::kNever);
  CAPTURE(value);
  CAPTURE(loaded.log);
  CHECK(loaded.status == Status::kInvalidModel);
  for (const std::string& word : words) CHECK_MESSAGE(loaded.log.find(word) != std::string::npos, word);
}

}  // namespace

TEST_CASE("temperature: a file without one, as every old file is, has 1; and 1 is not written") {
  const ModelBytes file = File("linear", 1);
  CHECK(!IsThere(file));
  CHECK(TemperatureOf(file) == 1);
  CHECK(TemperatureOf(File("regression", 1)) == 1);
}

TEST_CASE("temperature: what is written is read, to the bounds") {
  for (const double temperature : {0.01, 0.3, 1.2345678901234567, 20.0, 100.0}) {
    CAPTURE(temperature);
    const ModelBytes file = File("linear", temperature);
    CHECK(IsThere(file));
    CHECK(TemperatureOf(file) == temperature);
  }
}

TEST_CASE("temperature: a value that is no number, not positive, or out of range is refused") {
  const ModelBytes file = File("linear", 2);
  using Limits = std::numeric_limits<double>;
  for (const double value :
       {std::nan(""), -std::nan(""), HUGE_VAL, -HUGE_VAL, 0.0, -0.0, -1.0, -2.0, Limits::max(), Limits::lowest(),
        Limits::min(), Limits::denorm_min(), 1e-3, 1e3, std::nextafter(0.01, 0.0), std::nextafter(100.0, 1e3)}) {
    CheckRefused(file, value, {"config: temperature ", "must be 0.01..100"});
  }
  CheckRefused(file, -2.5, {"-2.5"});
  CheckRefused(file, std::nextafter(100.0, 1e3), {"100.00000000000001"});
}

TEST_CASE("temperature: that of a regression must be 1") {
  const ModelBytes file = File("regression", 2);
  for (const double value : {2.0, 0.5, std::nextafter(1.0, 2.0)}) {
    CheckRefused(file, value, {"config: temperature ", "REGRESSION", "must be 1"});
  }
  file.Set(*file.model().config(), kField, 1.0);
  CHECK(file.LoadRehashed().status == Status::kOk);
}
