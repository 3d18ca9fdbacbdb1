// Each of these went wrong once.

#include <doctest/doctest.h>

#include "support/models.h"
#include "support/programs.h"

using nlohmann::json;
using smx::tests::CheckRefused;
using smx::tests::GoldenFolder;
using smx::tests::GoldenModel;
using smx::tests::ReadConfig;
using smx::tests::RunQuantize;
using smx::tests::RunSmx;
using smx::tests::ShippedModel;
using smx::tests::SmxJson;
using smx::tests::SmxOut;
using smx::tests::TemporaryFolder;
using smx::tools::Array;
using smx::tools::ArrayMap;

namespace {

/// Quantizes the golden case sparse_mixer with `key` of its config.json changed; nothing may be left in `folder`.
smx::tests::ProcessResult QuantizeChanged(const char* key, const json& value) {
  const TemporaryFolder folder;
  json config = ReadConfig(GoldenFolder("sparse_mixer"));
  config[key] = value;
  const std::string path = folder.Write("config.json", config.dump());
  const std::string checkpoint = GoldenFolder("sparse_mixer") + "/params.safetensors";
  smx::tests::ProcessResult result =
      RunQuantize({checkpoint, "-o", folder.Path("model.smx"), "--config", path, "--type", "f32"});
  CHECK(folder.List() == std::vector<std::string>{"config.json"});
  return result;
}

}  // namespace

TEST_CASE("fixed: a threshold of NaN was taken for a number") {
  CheckRefused(RunSmx({"classify", ShippedModel(), "a", "--threshold", "nan"}), 2, {"--threshold", "nan", "0..1"});
}

TEST_CASE("fixed: the message for --top 0 held a number of 300 digits") {
  CheckRefused(RunSmx({"classify", ShippedModel(), "a", "--top", "0"}), 2, {"--top", "0", "1..1000000"});
  CheckRefused(RunSmx({"classify", ShippedModel(), "a", "--top", "-1"}), 2, {"--top"});
}

TEST_CASE("fixed: run took missing type_ids for zeros in silence, and named an array that nobody wrote") {
  const TemporaryFolder folder;
  const std::string model = GoldenModel(folder, "bert");
  std::vector<uint8_t> ids(4 * 3);
  const Array array = {"I32", {1, 3}, ids};
  const std::string output = folder.Path("out.safetensors");
  const std::string without = smx::tests::WriteArrays(folder, "a.safetensors", {{"input_ids", array}});
  CheckRefused(RunSmx({"run", model, "--input", without, "--output", output}), 3, {"a.safetensors", "type_ids"});
  Array wrong = array;
  wrong.bytes[5] = 100;
  const std::string outside =
      smx::tests::WriteArrays(folder, "b.safetensors", {{"input_ids", wrong}, {"type_ids", array}});
  CheckRefused(RunSmx({"run", model, "--input", outside, "--output", output}), 3,
               {"b.safetensors", "input_ids", "25600"});
}

TEST_CASE("fixed: smx-quantize wrote files that the engine then refused") {
  for (const double factor : {5000.0, 1e300}) {
    CheckRefused(QuantizeChanged("eval_capacity_factor", factor), 3, {"capacity_factor", "not written"});
  }
}

TEST_CASE("fixed: an unknown dispatch_algorithm counted as one that is not built yet") {
  CheckRefused(QuantizeChanged("dispatch_algorithm", "FOO"), 3, {"dispatch_algorithm", "FOO"});
}

TEST_CASE("fixed: bench --batch counted the multiply-adds of one text, but the time of all") {
  const auto macs = [](const char* batch) {
    return SmxJson({"bench", ShippedModel(), "--json", "--repeat", "1", "--batch", batch})["macs"].get<uint64_t>();
  };
  CHECK(macs("4") == 4 * macs("1"));
}

TEST_CASE("fixed: control characters of a model card or a text reached the terminal") {
  const TemporaryFolder folder;
  json config = ReadConfig(GoldenFolder("linear"));
  config["model_card"] = {{"name", "red\u001b[31m"}};
  const std::string path = folder.Write("config.json", config.dump());
  const std::string model = folder.Path("model.smx");
  REQUIRE(RunQuantize({GoldenFolder("linear") + "/params.safetensors", "-o", model, "--config", path}).exit_code == 0);
  CHECK(SmxOut({"inspect", model}).find('\x1b') == std::string::npos);
  const std::string line = R"({"text": "a\u0000b\u001b[31m"})";
  const std::string out = SmxOut({"classify", ShippedModel(), "--input", "-", "--jsonl"}, line + "\n");
  CHECK(out.find('\x1b') == std::string::npos);
  CHECK(out.find('\0') == std::string::npos);
}

TEST_CASE("fixed: a subcommand that does not exist was not named") {
  CheckRefused(RunSmx({"frobnicate"}), 2, {"frobnicate"});
}

TEST_CASE("fixed: a model kept the log of its loading, whose context was gone when the model had something to say") {
  const smx::tests::MemoryModel model(smx::tests::ReadModelFolder(GoldenFolder("linear"), "params.safetensors"),
                                      smx::tools::WeightsType::kF32);
  std::string message;
  const smx::Log log = {[](void* context, const char* text) { *static_cast<std::string*>(context) = text; }, &message};
  CHECK(smx::Tokenizer::Create(*model, log).status() == smx::Status::kUnsupported);
  CHECK(message == "tokenizer: the model has none");
  CHECK(smx::Tokenizer::Create(*model).status() == smx::Status::kUnsupported);
}

TEST_CASE("fixed: a checkpoint that cannot be looked at ended in an exception that nobody caught") {
  const TemporaryFolder folder;
  const std::string long_name(300, 'a');
  CheckRefused(RunQuantize({folder.Path(long_name), "-o", folder.Path("model.smx")}), 3, {long_name, "too long"});
}

TEST_CASE("fixed: control characters of a checkpoint's names reached the terminal") {
  const TemporaryFolder folder;
  ArrayMap arrays = smx::tools::ReadSafetensors(GoldenFolder("linear") + "/params.safetensors");
  arrays["\x1b[2Jname"] = {"F32", {1}, std::vector<uint8_t>(4)};
  const std::string checkpoint = smx::tests::WriteArrays(folder, "a.safetensors", arrays);
  const smx::tests::ProcessResult result =
      RunQuantize({checkpoint, "-o", folder.Path("model.smx"), "--config", GoldenFolder("linear") + "/config.json"});
  CheckRefused(result, 3, {"[2Jname", "surplus"});
  CHECK(result.err.find('\x1b') == std::string::npos);
}
