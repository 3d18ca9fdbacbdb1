// A model that gives any number of labels through the programs: sigmoids of the logits that NumPy computed
// (tests/golden/make_bert.py), the labels that reach a threshold, and what smx evaluate counts.

#include <cmath>
#include <set>

#include <doctest/doctest.h>

#include "support/programs.h"

using nlohmann::json;
using smx::tests::CheckRefused;
using smx::tests::Holds;
using smx::tests::ProcessResult;
using smx::tests::ReadFile;
using smx::tests::RunQuantize;
using smx::tests::RunSmx;
using smx::tests::SmxJson;
using smx::tests::SmxJsonLines;
using smx::tests::SmxLines;
using smx::tests::SmxOut;
using smx::tests::Split;
using smx::tests::TemporaryFolder;

namespace {

using Labels = std::set<std::string>;

const std::string kSource = std::string(SMX_TESTS_DIR) + "/golden/bert_tiny";
const std::vector<std::string> kNames = {"cards", "money", "other"};

/// The texts of make_bert.py, the second with its pair.
constexpr char kLines[] =
    "{\"text\": \"where is my card ?\"}\n"
    "{\"text\": \"why is my new pin not arrived\", \"text_pair\": \"how i get it .\"}\n"
    "{\"text\": \"lost\"}\n";

std::vector<std::string> QuantizeArguments(const TemporaryFolder& folder, const std::string& type) {
  for (const char* name : {"vocab.txt", "tokenizer_config.json", "model.safetensors"}) {
    folder.Write(name, ReadFile(kSource + "/" + name));
  }
  json config = smx::tests::ReadConfig(kSource);
  config["problem_type"] = "multi_label_classification";
  folder.Write("config.json", config.dump());
  return {folder.Path(""), "-o", folder.Path("model.smx"), "--type", type};
}

std::string MultiLabelModel(const TemporaryFolder& folder) {
  const ProcessResult made = RunQuantize(QuantizeArguments(folder, "f32"));
  REQUIRE_MESSAGE(made.exit_code == 0, made.err);
  return folder.Path("model.smx");
}

/// [3 texts, 3 classes], from the logits that NumPy computed.
std::vector<double> Expected() {
  std::vector<double> probabilities;
  const auto answers = smx::tools::ReadSafetensors(kSource + "/answers.safetensors");
  for (const float logit : smx::tools::ToFloat("logits", answers.at("gelu/logits"))) {
    probabilities.push_back(1 / (1 + std::exp(-static_cast<double>(logit))));
  }
  return probabilities;
}

Labels LabelsOf(const json& line) {
  Labels labels;
  for (const json& item : line.at("labels")) labels.insert(item.at("label").get<std::string>());
  return labels;
}

std::vector<json> Classified(const std::string& model, const std::vector<std::string>& flags) {
  std::vector<std::string> arguments = {"classify", model, "--input", "-", "--jsonl", "--json"};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  return SmxJsonLines(arguments, kLines);
}

double F1(size_t right, size_t predicted, size_t labelled) {
  return predicted + labelled == 0 ? 0 : 2.0 * static_cast<double>(right) / static_cast<double>(predicted + labelled);
}

}  // namespace

TEST_CASE("multi-label: probabilities are sigmoids of the logits, best first, and do not sum to 1") {
  const TemporaryFolder folder;
  const std::string model = MultiLabelModel(folder);
  CHECK(SmxJson({"inspect", model, "--json"}).at("task") == "multi_label");
  const std::vector<double> expected = Expected();
  const std::vector<json> lines = Classified(model, {"--threshold", "0"});
  REQUIRE(lines.size() == 3);
  for (size_t i = 0; i < 3; ++i) {
    const json& labels = lines[i].at("labels");
    REQUIRE(labels.size() == 3);
    double before = 1;
    for (const json& item : labels) {
      const double probability = item.at("probability").get<double>();
      const size_t c = static_cast<size_t>(std::find(kNames.begin(), kNames.end(), item.at("label")) - kNames.begin());
      CHECK(probability == doctest::Approx(expected[3 * i + c]).epsilon(1e-5));
      CHECK(probability <= before);
      before = probability;
    }
  }
}

TEST_CASE("multi-label: classify gives the labels that reach the threshold, 0.5 unless given, and - for none") {
  const TemporaryFolder folder;
  const std::string model = MultiLabelModel(folder);
  const std::vector<double> expected = Expected();
  for (const double threshold : {0.1, 0.5, 0.8, 1.0}) {
    CAPTURE(threshold);
    const std::vector<json> lines = Classified(model, {"--threshold", std::to_string(threshold)});
    for (size_t i = 0; i < 3; ++i) {
      Labels wanted;
      for (size_t c = 0; c < 3; ++c) {
        if (expected[3 * i + c] >= threshold) wanted.insert(kNames[c]);
      }
      CHECK(LabelsOf(lines[i]) == wanted);
      CHECK(lines[i].at("abstained") == wanted.empty());
    }
  }
  CHECK(Classified(model, {}) == Classified(model, {"--threshold", "0.5"}));
  CHECK(Classified(model, {"--threshold", "0", "--top", "2"})[0].at("labels").size() == 2);
  const json sure = SmxJson({"classify", model, "lost", "--json", "--threshold", "0"}).at("labels");
  const std::vector<std::string> all = Split(SmxLines({"classify", model, "lost", "--threshold", "0"})[0], '\t');
  REQUIRE(all.size() == 7);
  for (size_t i = 0; i < 3; ++i) CHECK(all[2 * i] == sure[i].at("label"));
  const std::vector<std::string> none = Split(SmxLines({"classify", model, "lost", "--threshold", "1"})[0], '\t');
  REQUIRE(none.size() == 3);
  CHECK(none[0] == "-");
  CHECK(none[1] == all[1]);
  CHECK(none[2] == "lost");
}

TEST_CASE("multi-label: evaluate counts what classify answers: F1 over pairs and over classes, and whole answers") {
  const TemporaryFolder folder;
  const std::string model = MultiLabelModel(folder);
  const std::vector<std::string> texts = {"where is my card ?", "lost", "why is my new pin", "the bank", "money"};
  const std::vector<std::string> cells = {"cards|other", "", "1", "money|2|cards", "other"};
  const std::vector<Labels> truth = {{"cards", "other"}, {}, {"money"}, {"money", "other", "cards"}, {"other"}};
  std::string tsv = "text\tlabel\n";
  for (size_t i = 0; i < texts.size(); ++i) tsv += texts[i] + "\t" + cells[i] + "\n";
  const std::string data = folder.Write("data.tsv", tsv);
  for (const std::string threshold : {"0.3", "0.5", "0.7", "1"}) {
    CAPTURE(threshold);
    size_t exact = 0, right = 0, predicted = 0, labelled = 0, classes = 0;
    std::vector<Labels> answers;
    for (const std::string& text : texts) {
      answers.push_back(LabelsOf(SmxJson({"classify", model, text, "--json", "--threshold", threshold})));
    }
    for (size_t i = 0; i < texts.size(); ++i) exact += answers[i] == truth[i] ? 1 : 0;
    double macro = 0;
    for (const std::string& name : kNames) {
      size_t r = 0, p = 0, l = 0;
      for (size_t i = 0; i < texts.size(); ++i) {
        r += answers[i].count(name) * truth[i].count(name);
        p += answers[i].count(name);
        l += truth[i].count(name);
      }
      right += r, predicted += p, labelled += l;
      macro += F1(r, p, l);
      classes += p + l > 0 ? 1 : 0;
    }
    const json found = SmxJson({"evaluate", model, data, "--json", "--threshold", threshold});
    CHECK(found.at("count") == 5);
    CHECK(found.at("micro_f1").get<double>() == doctest::Approx(F1(right, predicted, labelled)));
    CHECK(found.at("macro_f1").get<double>() == doctest::Approx(macro / static_cast<double>(classes)));
    CHECK(found.at("exact_match").get<double>() == doctest::Approx(static_cast<double>(exact) / 5));
  }
  const json usual = SmxJson({"evaluate", model, data, "--json"});
  CHECK(usual.at("threshold") == 0.5);
  CHECK(usual.at("micro_f1") == SmxJson({"evaluate", model, data, "--json", "--threshold", "0.5"}).at("micro_f1"));
  CHECK(usual.at("labels") == json(kNames));
  const std::string report = SmxOut({"evaluate", model, data});
  for (const char* words : {"micro F1", "macro F1", "exact"}) CHECK(Holds(report, words));
}

TEST_CASE("multi-label: labels that come out are answers that are right; classes that never occur do not count") {
  const TemporaryFolder folder;
  const std::string model = MultiLabelModel(folder);
  const json found =
      SmxJson({"evaluate", model, folder.Write("data.tsv", "text\tlabel\nlost\t\n"), "--json", "--threshold", "1"});
  CHECK(found.at("exact_match") == 1);
  CHECK(found.at("micro_f1") == 0);
  CHECK(found.at("macro_f1") == 0);
  std::string cell;
  for (const std::string& label : LabelsOf(SmxJson({"classify", model, "lost", "--json", "--threshold", "0.4"}))) {
    cell += (cell.empty() ? "" : "|") + label;
  }
  REQUIRE(!cell.empty());
  const std::string right = folder.Write("right.tsv", "text\tlabel\nlost\t" + cell + "\n");
  const json all = SmxJson({"evaluate", model, right, "--json", "--threshold", "0.4"});
  for (const char* key : {"exact_match", "micro_f1", "macro_f1"}) CHECK(all.at(key) == 1);
}

TEST_CASE("multi-label: what is refused, and what int8 cost is its micro F1") {
  const TemporaryFolder folder;
  const std::string model = MultiLabelModel(folder);
  for (const auto& [cell, word] : std::vector<std::pair<std::string, std::string>>{
           {"cards|cards", "twice"}, {"0|cards", "twice"}, {"cards|", "\"\""}, {"pets", "pets"}, {"3", "\"3\""}}) {
    const std::string data = folder.Write("data.tsv", "text\tlabel\nlost\tcards\nlost\t" + cell + "\n");
    CheckRefused(RunSmx({"evaluate", model, data}), 3, {"data.tsv: line 3", word});
  }
  const std::string data = folder.Write("data.tsv", "text\tlabel\nlost\tcards|money\n");
  CheckRefused(RunSmx({"evaluate", model, data, "--precision", "0.9"}), 2, {"--precision", "multi_label"});
  CheckRefused(RunSmx({"evaluate", model, data, "--threshold", "2"}), 2, {"--threshold"});
  const std::string classes = smx::tests::ShippedModel();
  CheckRefused(RunSmx({"evaluate", classes, data, "--threshold", "0.5"}), 2, {"--threshold", "classification"});
  std::vector<std::string> arguments = QuantizeArguments(folder, "int8");
  arguments.insert(arguments.end(), {"--evaluate", data, "--json"});
  const ProcessResult measured = RunQuantize(arguments);
  REQUIRE_MESSAGE(measured.exit_code == 0, measured.err);
  CHECK(json::parse(measured.out).at("micro_f1").is_number());
  CHECK(json::parse(measured.out).at("micro_f1_f32").is_number());
  arguments.insert(arguments.end(), {"--min-accuracy", "0.5"});
  CheckRefused(RunQuantize(arguments), 2, {"--min-accuracy", "several labels"});
}
