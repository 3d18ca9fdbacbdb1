// A regression model through the programs: its values against those that the reference computed, and its errors.

#include <algorithm>
#include <cmath>
#include <cstring>

#include <doctest/doctest.h>

#include "support/models.h"
#include "support/programs.h"
#include "support/tolerance.h"

using nlohmann::json;
using smx::tests::CheckRefused;
using smx::tests::GoldenFolder;
using smx::tests::Holds;
using smx::tests::RunQuantize;
using smx::tests::RunSmx;
using smx::tests::SmxJson;
using smx::tests::SmxJsonLines;
using smx::tests::SmxOut;
using smx::tests::TemporaryFolder;

namespace {

/// One piece per id of the golden model: "w7" is id 7.
std::string WriteVocabulary(const TemporaryFolder& folder, size_t size) {
  const std::vector<std::string> special = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
  std::string text;
  for (size_t i = 0; i < size; ++i) text += (i < special.size() ? special[i] : "w" + std::to_string(i)) + "\n";
  return folder.Write("vocab.txt", text);
}

std::vector<std::string> QuantizeArguments(const TemporaryFolder& folder, const std::string& type) {
  const size_t vocab_size = smx::tests::ReadConfig(GoldenFolder("regression")).at("vocab_size");
  return {GoldenFolder("regression") + "/params.safetensors",
          "-o",
          folder.Path("model.smx"),
          "--tokenizer",
          WriteVocabulary(folder, vocab_size),
          "--type",
          type};
}

std::string RegressionModel(const TemporaryFolder& folder) {
  const smx::tests::ProcessResult made = RunQuantize(QuantizeArguments(folder, "f32"));
  REQUIRE_MESSAGE(made.exit_code == 0, made.err);
  return folder.Path("model.smx");
}

double ValueOf(const json& line) { return line.at("labels").at(0).at("probability").get<double>(); }

}  // namespace

TEST_CASE("regression: classify gives the value of the logit, by its own name") {
  const TemporaryFolder folder;
  const std::string model = RegressionModel(folder);
  const json line = SmxJson({"classify", model, "w10 w20 w30", "--json", "--threshold", "1"});
  CHECK(line.at("labels").size() == 1);
  CHECK(line.at("labels").at(0).at("label") == "value");
  CHECK(line.at("abstained") == false);
  const size_t length = smx::tests::ReadConfig(GoldenFolder("regression")).at("max_seq_length");
  std::vector<int32_t> ids(length, 0), types(length, 0);
  const std::vector<int32_t> text = {2, 10, 20, 30, 3};
  std::copy(text.begin(), text.end(), ids.begin());
  smx::tools::ArrayMap arrays;
  for (const auto& [name, values] : {std::pair("input_ids", ids), std::pair("type_ids", types)}) {
    smx::tools::Array array = {"I32", {1, length}, std::vector<uint8_t>(length * 4)};
    std::memcpy(array.bytes.data(), values.data(), array.bytes.size());
    arrays[name] = array;
  }
  SmxOut({"run", model, "--input", smx::tests::WriteArrays(folder, "in.safetensors", arrays), "--output",
          folder.Path("out.safetensors")});
  const std::vector<float> logits =
      smx::tools::ToFloat("logits", smx::tools::ReadSafetensors(folder.Path("out.safetensors")).at("logits"));
  CHECK(ValueOf(line) == doctest::Approx(static_cast<double>(logits.at(0))).epsilon(1e-6));
}

TEST_CASE("regression: a pair of texts is another text than the first alone") {
  const TemporaryFolder folder;
  const std::string model = RegressionModel(folder);
  const std::vector<json> lines = SmxJsonLines({"classify", model, "--jsonl", "--input", "-", "--json"},
                                               "{\"text\": \"w10 w20\", \"text_pair\": \"w30\"}\n"
                                               "{\"text\": \"w10 w20\"}\n");
  CHECK(lines.at(0).at("tokens") == 6);
  CHECK(lines.at(1).at("tokens") == 4);
  CHECK(ValueOf(lines.at(0)) != ValueOf(lines.at(1)));
}

TEST_CASE("regression: evaluate measures errors and correlations of what classify answers, of pairs too") {
  const TemporaryFolder folder;
  const std::string model = RegressionModel(folder);
  const std::vector<std::vector<std::string>> rows = {
      {"w10 w20", "w30", "0.5"}, {"w11", "w12", "-1e-1"}, {"w40 w41", "w42 w43", "0.25"}, {"w50", "", "0.25"}};
  std::string tsv = "a\tb\tscore\n", jsonl;
  std::vector<double> expected;
  for (const auto& row : rows) {
    tsv += row[0] + "\t" + row[1] + "\t" + row[2] + "\n";
    jsonl += json({{"text", row[0]}, {"text_pair", row[1]}}).dump() + "\n";
    expected.push_back(std::stod(row[2]));
  }
  const std::string data = folder.Write("data.tsv", tsv);
  const json found =
      SmxJson({"evaluate", model, data, "--text", "a", "--text-pair", "b", "--label", "score", "--json"});
  std::vector<double> values;
  for (const json& line : SmxJsonLines({"classify", model, "--jsonl", "--input", "-", "--json"}, jsonl)) {
    values.push_back(ValueOf(line));
  }
  double squares = 0, absolute = 0, mean_x = 0, mean_y = 0, xx = 0, yy = 0, xy = 0;
  for (size_t i = 0; i < 4; ++i) {
    squares += (values[i] - expected[i]) * (values[i] - expected[i]) / 4;
    absolute += std::fabs(values[i] - expected[i]) / 4;
    mean_x += values[i] / 4;
    mean_y += expected[i] / 4;
  }
  for (size_t i = 0; i < 4; ++i) {
    xx += (values[i] - mean_x) * (values[i] - mean_x);
    yy += (expected[i] - mean_y) * (expected[i] - mean_y);
    xy += (values[i] - mean_x) * (expected[i] - mean_y);
  }
  CHECK(found.at("count") == 4);
  CHECK(found.at("mean_squared_error").get<double>() == doctest::Approx(squares).epsilon(1e-4));
  CHECK(found.at("mean_absolute_error").get<double>() == doctest::Approx(absolute).epsilon(1e-4));
  CHECK(found.at("pearson").get<double>() == doctest::Approx(xy / std::sqrt(xx * yy)).epsilon(1e-4));
  CHECK(std::fabs(found.at("spearman").get<double>()) <= 1);
  CHECK(Holds(SmxOut({"evaluate", model, data, "--text", "a", "--label", "score"}), "pearson"));
}

TEST_CASE("regression: values that come out as labelled correlate fully, one that is always the same not at all") {
  const TemporaryFolder folder;
  const std::string model = RegressionModel(folder);
  std::string right = "text\tlabel\n", same = right;
  for (const char* text : {"w10", "w60 w61", "w7 w8 w9", "w99 w98"}) {
    right += std::string(text) + "\t" + json(ValueOf(SmxJson({"classify", model, text, "--json"}))).dump() + "\n";
    same += std::string(text) + "\t3\n";
  }
  const json exact = SmxJson({"evaluate", model, folder.Write("right.tsv", right), "--json"});
  CHECK(exact.at("pearson").get<double>() == doctest::Approx(1));
  CHECK(exact.at("spearman").get<double>() == doctest::Approx(1));
  CHECK(exact.at("mean_squared_error").get<double>() < 1e-10);
  CHECK(SmxJson({"evaluate", model, folder.Write("same.tsv", same), "--json"}).at("pearson") == 0);
}

TEST_CASE(
    "regression: a label that is no number is exit code 3 with its line; --min-accuracy and --precision are for "
    "classes") {
  const TemporaryFolder folder;
  const std::string model = RegressionModel(folder);
  const std::string numbers = folder.Write("numbers.tsv", "text\tlabel\nw10\t1\nw11\t2\n");
  CheckRefused(RunSmx({"evaluate", model, numbers, "--precision", "0.9"}), 2, {"--precision", "regression"});
  for (const char* label : {"high", "", "1.5x", "nan", "inf"}) {
    CAPTURE(label);
    const std::string data = folder.Write("data.tsv", std::string("text\tlabel\nw10\t1\nw11\t") + label + "\n");
    CheckRefused(RunSmx({"evaluate", model, data}), 3, {"data.tsv: line 3", "number"});
  }
  const std::string data = folder.Write("data.tsv", "text\tlabel\nw10\t1\nw11\t2\n");
  std::vector<std::string> arguments = QuantizeArguments(folder, "int8");
  arguments.insert(arguments.end(), {"--evaluate", data});
  const smx::tests::ProcessResult measured = RunQuantize(arguments);
  CHECK(measured.exit_code == 0);
  CHECK(Holds(measured.out, "correlation"));
  arguments.insert(arguments.end(), {"--min-accuracy", "0.5"});
  CheckRefused(RunQuantize(arguments), 2, {"--min-accuracy", "regression"});
}
