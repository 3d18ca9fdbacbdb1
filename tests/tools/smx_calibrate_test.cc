// smx-quantize --calibrate: int8 comes closer to float32 where a channel is much larger than the others, and what is
// refused.

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "support/models.h"
#include "support/programs.h"

using nlohmann::json;
using smx::tests::CheckRefused;
using smx::tests::GoldenFolder;
using smx::tests::Holds;
using smx::tests::ProcessResult;
using smx::tests::ReadFile;
using smx::tests::RunQuantize;
using smx::tests::RunSmx;
using smx::tests::SmxJson;
using smx::tests::SmxJsonLines;
using smx::tests::TemporaryFolder;
using smx::tests::WriteArrays;
using smx::tools::Array;
using smx::tools::ArrayMap;
using smx::tools::FromFloat;
using smx::tools::ReadSafetensors;
using smx::tools::ToFloat;

namespace {

const std::string kBert = std::string(SMX_TESTS_DIR) + "/golden/bert_tiny";
constexpr char kTexts[] = "where is my card ?\nwhy is my new pin not arrived\nlost\nhow i get it .\n";
constexpr char kOthers[] = "the money is not lost\na new bank\nwhere is it\n";

/// Multiplies value i of an array by factor(i).
template <typename Factor>
void Multiply(Array* array, Factor factor) {
  std::vector<float> values = ToFloat("x", *array);
  for (size_t i = 0; i < values.size(); ++i) values[i] *= factor(i);
  *array = FromFloat(values, array->shape);
}

/// The tiny BERT, with a channel in front of two kinds of products that is a hundred times as large as the others, and
/// that they read by weights a hundred times as small.
struct OutlierBert {
  OutlierBert() {
    ArrayMap arrays = ReadSafetensors(kBert + "/model.safetensors");
    constexpr size_t kWidth = 24, kChannel = 5;
    for (const std::string layer : {"0", "1", "2"}) {
      const std::string prefix = "bert.encoder.layer." + layer + ".";
      const auto grow = [](size_t i) { return i == kChannel ? 100.0f : 1.0f; };
      const auto shrink = [](size_t i) { return i % kWidth == kChannel ? 0.01f : 1.0f; };
      Multiply(&arrays.at(prefix + "attention.output.LayerNorm.weight"), grow);
      Multiply(&arrays.at(prefix + "intermediate.dense.weight"), shrink);
      if (layer == "2") continue;
      Multiply(&arrays.at(prefix + "output.LayerNorm.weight"), grow);
      for (const char* name : {"query", "key", "value"}) {
        const std::string next = std::to_string(std::stoi(layer) + 1);
        Multiply(&arrays.at("bert.encoder.layer." + next + ".attention.self." + name + ".weight"), shrink);
      }
    }
    WriteArrays(folder, "model.safetensors", arrays);
    for (const char* name : {"config.json", "vocab.txt", "tokenizer_config.json"}) {
      folder.Write(name, ReadFile(kBert + "/" + name));
    }
  }

  /// Quantizes with `flags`; returns the report.
  json Quantize(const std::string& model, std::vector<std::string> flags) const {
    flags.insert(flags.begin(), {folder.Path(""), "-o", model, "--json"});
    const ProcessResult made = RunQuantize(flags);
    REQUIRE_MESSAGE(made.exit_code == 0, made.err);
    CHECK(made.err.empty());
    return json::parse(made.out);
  }

  TemporaryFolder folder, output;
};

std::vector<float> Embedded(const std::string& model) {
  std::vector<float> all;
  for (const json& line : SmxJsonLines({"embed", model, "--input", "-", "--json"}, kOthers)) {
    const auto vector = line.at("embedding").get<std::vector<float>>();
    all.insert(all.end(), vector.begin(), vector.end());
  }
  return all;
}

double SquaredDistance(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += std::pow(static_cast<double>(a[i]) - static_cast<double>(b[i]), 2);
  return sum;
}

void CheckCalibrateRefused(const std::vector<std::string>& flags, int exit_code,
                           const std::vector<std::string>& words) {
  const TemporaryFolder output;
  std::vector<std::string> all = {kBert, "-o", output.Path("model.smx")};
  all.insert(all.end(), flags.begin(), flags.end());
  CheckRefused(RunQuantize(all), exit_code, words);
  CHECK(output.List().empty());
}

}  // namespace

TEST_CASE("calibrate: an outlier channel costs int8 less on other texts than those that it was calibrated with") {
  const OutlierBert bert;
  const std::string texts = bert.output.Write("texts.txt", kTexts);
  const auto model = [&](const char* name) { return bert.output.Path(name); };
  bert.Quantize(model("f32.smx"), {"--type", "f32"});
  CHECK(bert.Quantize(model("plain.smx"), {}).count("calibration_texts") == 0);
  const json report = bert.Quantize(model("calibrated.smx"), {"--calibrate", texts});
  CHECK(report.at("calibration_texts") == 4);
  CHECK(report.at("input_scales") == 9);  // of each layer attention and two of the feed-forward stage
  const std::vector<float> expected = Embedded(model("f32.smx"));
  const double plain = SquaredDistance(Embedded(model("plain.smx")), expected);
  const double calibrated = SquaredDistance(Embedded(model("calibrated.smx")), expected);
  CAPTURE(plain);
  CAPTURE(calibrated);
  CHECK(calibrated < 0.1 * plain);
}

TEST_CASE("calibrate: inspect says that a model has input scales, and how many") {
  const TemporaryFolder folder;
  const std::string texts = folder.Write("texts.txt", kTexts);
  const std::string plain = folder.Path("plain.smx"), calibrated = folder.Path("calibrated.smx");
  REQUIRE(RunQuantize({kBert, "-o", plain}).exit_code == 0);
  REQUIRE(RunQuantize({kBert, "-o", calibrated, "--calibrate", texts}).exit_code == 0);
  const json without = SmxJson({"inspect", plain, "--json"}), with = SmxJson({"inspect", calibrated, "--json"});
  CHECK(without.at("input_scales") == 0);
  CHECK(with.at("input_scales") == 9);
  CHECK(with.at("tensors").size() == without.at("tensors").size() + 9);
  CHECK(!Holds(RunSmx({"inspect", plain}).out, "calibrated"));
  CHECK(Holds(RunSmx({"inspect", calibrated}).out, "in int8, calibrated\n"));
}

TEST_CASE("calibrate: a model that computes no finite numbers is refused") {
  const TemporaryFolder folder;
  ArrayMap arrays = ReadSafetensors(kBert + "/model.safetensors");
  for (const char* name : {"attention.output.LayerNorm.weight", "intermediate.dense.weight"}) {
    Multiply(&arrays.at(std::string("bert.encoder.layer.1.") + name), [](size_t) { return 1e30f; });
  }
  WriteArrays(folder, "model.safetensors", arrays);
  for (const char* name : {"config.json", "vocab.txt", "tokenizer_config.json"}) {
    folder.Write(name, ReadFile(kBert + "/" + name));
  }
  const TemporaryFolder output;
  const std::string texts = output.Write("texts.txt", kTexts);
  CheckRefused(RunQuantize({folder.Path(""), "-o", output.Path("m.smx"), "--calibrate", texts}), 3,
               {"texts.txt: line 1", "not all are finite numbers"});
  CHECK(output.List() == std::vector<std::string>{"texts.txt"});
}

TEST_CASE("calibrate: the same texts give the same bytes, from lines or from a column, labels or not") {
  const OutlierBert bert;
  const auto bytes = [&](const std::string& name, const std::string& content, std::vector<std::string> flags) {
    const std::string texts = bert.output.Write(name, content), model = bert.output.Path("model.smx");
    flags.insert(flags.end(), {"--calibrate", texts});
    CHECK(bert.Quantize(model, flags).at("calibration_texts") == 2);
    return ReadFile(model);
  };
  const std::string lines = bytes("a.txt", "where is my card ?\nlost\n", {});
  CHECK(bytes("b.txt", "where is my card ?\r\nlost", {}) == lines);
  CHECK(bytes("c.tsv", "text\nwhere is my card ?\nlost\n", {}) == lines);
  CHECK(bytes("d.tsv", "label\tquestion\nx\twhere is my card ?\ny\tlost\n", {"--text", "question"}) == lines);
  CHECK(bytes("e.txt", "why is it lost\nlost\n", {}) != lines);
}

TEST_CASE("calibrate: the report names the texts' number") {
  const TemporaryFolder folder;
  const std::string texts = folder.Write("texts.txt", kTexts);
  const ProcessResult made = RunQuantize({kBert, "-o", folder.Path("model.smx"), "--calibrate", texts});
  REQUIRE_MESSAGE(made.exit_code == 0, made.err);
  CHECK(Holds(made.out, "calibrated on 4 texts: the inputs of 9 stages are scaled"));
}

TEST_CASE("calibrate: accuracy is measured of the calibrated model") {
  const TemporaryFolder folder;
  const std::string texts = folder.Write("texts.tsv", "text\tlabel\nwhere is my card ?\tcards\nlost\tmoney\n");
  const ProcessResult made =
      RunQuantize({kBert, "-o", folder.Path("m.smx"), "--calibrate", texts, "--evaluate", texts, "--json"});
  REQUIRE_MESSAGE(made.exit_code == 0, made.err);
  const json measured = SmxJson({"evaluate", folder.Path("m.smx"), texts, "--json"});
  CHECK(json::parse(made.out).at("accuracy") == measured.at("accuracy"));
}

TEST_CASE("calibrate: pads are not counted, and a text that is longer than the model reads is cut") {
  const TemporaryFolder folder;
  const std::string texts = folder.Write("texts.tsv", "text\tlabel\nWhere is my card?\tx\nlost\tx\n");
  const auto quantized = [&](const std::string& padding) {
    const std::string model = folder.Path(padding + ".smx");
    const ProcessResult made = RunQuantize({kBert, "-o", model, "--calibrate", texts, "--padding", padding});
    REQUIRE_MESSAGE(made.exit_code == 0, made.err);
    return SmxJsonLines({"embed", model, "--input", "-", "--json"}, kOthers)[0].at("embedding");
  };
  CHECK(quantized("masked") == quantized("reference"));
  std::string long_text = "card";
  for (int i = 0; i < 100; ++i) long_text += " money";
  const std::string path = folder.Write("long.txt", long_text + "\n");
  CHECK(RunQuantize({kBert, "-o", folder.Path("model.smx"), "--calibrate", path}).exit_code == 0);
}

TEST_CASE("calibrate: texts that cannot be read, and types that know no scales, are refused") {
  const TemporaryFolder folder;
  const std::string texts = folder.Write("texts.txt", kTexts);
  CheckCalibrateRefused({"--calibrate", texts, "--type", "f32"}, 2, {"--calibrate", "int8"});
  CheckCalibrateRefused({"--calibrate", folder.Path("none.txt")}, 3, {"none.txt"});
  CheckCalibrateRefused({"--calibrate", folder.Write("empty.txt", "")}, 3, {"empty.txt", "a text on each line"});
  CheckCalibrateRefused({"--calibrate", folder.Write("bad.txt", "card\nmy \xff\n")}, 3, {"bad.txt", "line 2", "UTF-8"});
  CheckCalibrateRefused({"--calibrate", folder.Write("bad.tsv", "label\nx\n")}, 3, {"bad.tsv", "--text"});
  const std::vector<std::string> same = {kBert, "-o", texts, "--calibrate", texts};
  CheckRefused(RunQuantize(same), 2, {"texts.txt"});
  CHECK(ReadFile(texts) == kTexts);
}

TEST_CASE("calibrate: a model without a tokenizer, or with nothing to calibrate, is refused") {
  const TemporaryFolder folder;
  const std::string texts = folder.Write("texts.txt", kTexts);
  CheckRefused(
      RunQuantize({GoldenFolder("bert") + "/params.safetensors", "-o", folder.Path("m.smx"), "--calibrate", texts}), 2,
      {"--calibrate", "--tokenizer"});
  // One layer: attention behind the mapping of the embedding, and experts.
  ArrayMap arrays = ReadSafetensors(GoldenFolder("layout_bottom") + "/params.safetensors");
  for (auto at = arrays.begin(); at != arrays.end();) {
    const bool is_later = Holds(at->first, "_1") || Holds(at->first, "_2") || Holds(at->first, "_3");
    at = is_later ? arrays.erase(at) : std::next(at);
  }
  json config = smx::tests::ReadConfig(GoldenFolder("layout_bottom"));
  config["num_layers"] = config["num_attention_layers"] = config["num_moe_layers"] = 1;
  std::string vocab = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n";
  for (int i = 5; i < 200; ++i) vocab += "w" + std::to_string(i) + "\n";
  const std::vector<std::string> arguments = {WriteArrays(folder, "model.safetensors", arrays),
                                              "-o",
                                              folder.Path("m.smx"),
                                              "--config",
                                              folder.Write("c.json", config.dump()),
                                              "--tokenizer",
                                              folder.Write("vocab.txt", vocab)};
  REQUIRE(RunQuantize(arguments).exit_code == 0);
  std::vector<std::string> calibrated = arguments;
  calibrated.insert(calibrated.end(), {"--calibrate", texts});
  CheckRefused(RunQuantize(calibrated), 4, {"--calibrate", "experts", "not calibrated"});
}
