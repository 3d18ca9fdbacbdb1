// smx label, and folders of a Hugging Face BertForTokenClassification, against logits that transformers computed
// (tests/golden/make_bert_labels.py).

#include <algorithm>
#include <cmath>

#include <doctest/doctest.h>

#include "golden/golden_run.h"
#include "support/programs.h"
#include "support/tolerance.h"

using nlohmann::json;
using smx::tests::CheckRefused;
using smx::tests::Holds;
using smx::tests::LargestDifference;
using smx::tests::ProcessResult;
using smx::tests::ReadFile;
using smx::tests::RunQuantize;
using smx::tests::RunSmx;
using smx::tests::ShippedModel;
using smx::tests::SmxJson;
using smx::tests::SmxJsonLines;
using smx::tests::SmxLines;
using smx::tests::SmxOut;
using smx::tests::TemporaryFolder;
using smx::tools::Array;
using smx::tools::ArrayMap;
using smx::tools::ReadSafetensors;

namespace {

const std::string kSource = std::string(SMX_TESTS_DIR) + "/golden/bert_tiny";
const std::vector<std::string> kLabels = {"O", "B-CARD", "I-CARD", "B-PLACE", "I-PLACE"};

/// The texts of make_bert.py, whose words are whole pieces.
constexpr char kLines[] =
    "{\"text\": \"where is my card ?\"}\n"
    "{\"text\": \"why is my new pin not arrived\", \"text_pair\": \"how i get it .\"}\n"
    "{\"text\": \"lost\"}\n";

/// A BertForTokenClassification, which a test may change.
struct LabelFolder {
  LabelFolder() : arrays(ReadSafetensors(kSource + "/model.safetensors")), config(smx::tests::ReadConfig(kSource)) {
    for (const char* name : {"vocab.txt", "tokenizer_config.json"}) folder.Write(name, ReadFile(kSource + "/" + name));
    for (const auto& [name, array] : ReadSafetensors(kSource + "/token_labels.safetensors")) {
      if (name.rfind("classifier.", 0) == 0) arrays[name] = array;
    }
    for (const char* part : {"weight", "bias"}) arrays.erase(std::string("bert.pooler.dense.") + part);
    config.erase("label2id");
    config["id2label"] = json::object();
    for (size_t i = 0; i < kLabels.size(); ++i) config["id2label"][std::to_string(i)] = kLabels[i];
    config["architectures"] = {"BertForTokenClassification"};
  }

  ProcessResult Quantize(std::vector<std::string> flags) const {
    smx::tests::WriteArrays(folder, "model.safetensors", arrays);
    folder.Write("config.json", config.dump());
    flags.insert(flags.begin(), {folder.Path(""), "-o", folder.Path("model.smx")});
    return RunQuantize(flags);
  }

  std::string Model(const std::vector<std::string>& flags) const {
    const ProcessResult made = Quantize(flags);
    REQUIRE_MESSAGE(made.exit_code == 0, made.err);
    CHECK(made.err.empty());
    return folder.Path("model.smx");
  }

  TemporaryFolder folder;
  ArrayMap arrays;
  json config;
};

ArrayMap Run(const std::string& model, const std::vector<std::string>& flags = {}) {
  const TemporaryFolder folder;
  const std::string output = folder.Path("out.safetensors");
  std::vector<std::string> arguments = {"run", model, "--input", kSource + "/answers.safetensors", "--output", output};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  const ProcessResult result = RunSmx(arguments);
  REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  return ReadSafetensors(output);
}

Array Expected(const std::string& activation) {
  return ReadSafetensors(kSource + "/token_labels.safetensors").at("answers/" + activation);
}

constexpr double kBound = static_cast<double>(smx::tests::kGoldenF32);

/// Labels by token of kLines against the logits of transformers: those of tokens that are no special ones.
void CheckTokens(const std::string& model, const std::string& activation) {
  const ArrayMap texts = ReadSafetensors(kSource + "/answers.safetensors");
  const std::vector<int32_t> ids = smx::tools::ToInt32("ids", texts.at("input_ids"));
  const std::vector<float> logits = smx::tools::ToFloat("logits", Expected(activation));
  std::vector<json> found;
  for (const json& line :
       SmxJsonLines({"label", model, "--by", "token", "--input", "-", "--jsonl", "--json"}, kLines)) {
    for (const json& token : line.at("labels")) {
      const std::string& text = line.at(token.value("of_pair", false) ? "text_pair" : "text");
      CHECK(text.substr(token.at("begin"), token.at("end").get<size_t>() - token.at("begin").get<size_t>()) ==
            token.at("text"));
      found.push_back(token);
    }
  }
  size_t num_tokens = 0;
  for (size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] < 5) continue;  // special
    REQUIRE(num_tokens < found.size());
    const json& token = found[num_tokens++];
    const float* const row = logits.data() + i * kLabels.size();
    const float* const best = std::max_element(row, row + kLabels.size());
    double sum = 0;
    for (size_t k = 0; k < kLabels.size(); ++k) sum += std::exp(static_cast<double>(row[k] - *best));
    CHECK(token.at("label") == kLabels[static_cast<size_t>(best - row)]);
    CHECK(std::fabs(token.at("probability").get<double>() - 1 / sum) <= 1e-5);
  }
  CHECK(num_tokens == found.size());
}

}  // namespace

TEST_CASE("label: logits of every token as transformers computed them, for both gelus and both paddings") {
  LabelFolder bert;
  for (const std::string activation : {"gelu", "gelu_new"}) {
    CAPTURE(activation);
    bert.config["hidden_act"] = activation;
    for (const char* padding : {"masked", "reference"}) {
      const std::string model = bert.Model({"--type", "f32", "--padding", padding});
      for (const std::vector<std::string>& flags : std::vector<std::vector<std::string>>{{}, {"--layers"}}) {
        const ArrayMap found = Run(model, flags);
        CHECK(LargestDifference(found.at("logits"), Expected(activation)) <= kBound);
        CHECK(found.count("pooled_output") == 0);
      }
      CheckTokens(model, activation);
    }
  }
}

TEST_CASE("label: int8 stays near, and its head stays float32") {
  const LabelFolder bert;
  const std::string model = bert.Model({});
  CHECK(LargestDifference(Run(model).at("logits"), Expected("gelu")) <= 0.3);
  const json report = SmxJson({"inspect", model, "--json"});
  CHECK(report.at("weight_type") == "int8");
  CHECK(report.at("task") == "token_labels");
  CHECK(report.at("labels") == json(kLabels));
  size_t num_found = 0;
  for (const json& tensor : report.at("tensors")) {
    if (tensor.at("name") != "token_labels/output_kernel") continue;
    CHECK(tensor.at("type") == "f32");
    CHECK(tensor.at("shape") == json({5, 24}));
    ++num_found;
  }
  CHECK(num_found == 1);
  CHECK(Holds(SmxOut({"inspect", model}), "O, B-CARD, I-CARD, B-PLACE, I-PLACE"));
}

TEST_CASE("label: spans unless words or tokens are asked for, a line each, an empty line behind each text") {
  const LabelFolder bert;
  const std::string model = bert.Model({"--type", "f32"});
  const std::string text = "why is my new pin not arrived";
  const auto lines_by = [&](const std::string& by) { return SmxLines({"label", model, "--by", by, text, "cards"}); };
  const std::vector<std::string> tokens = lines_by("token"), words = lines_by("word"), spans = lines_by("span");
  CHECK(SmxLines({"label", model, text, "cards"}) == spans);
  REQUIRE(tokens.size() == 7 + 1 + 2 + 1);
  REQUIRE(words.size() == 7 + 1 + 1 + 1);
  CHECK(std::vector<std::string>(words.begin(), words.begin() + 8) ==
        std::vector<std::string>(tokens.begin(), tokens.begin() + 8));
  CHECK(words[7].empty());
  CHECK(words.back().empty());
  CHECK(words[8].substr(words[8].rfind('\t')) == "\tcards");
  CHECK(words[8].substr(0, words[8].rfind('\t')) == tokens[8].substr(0, tokens[8].rfind('\t')));
  CHECK(tokens[9].substr(tokens[9].rfind('\t')) == "\ts");
  const std::vector<std::string> fields = smx::tests::Split(words[0], '\t');
  REQUIRE(fields.size() == 3);
  CHECK(fields[2] == "why");
  CHECK(std::find(kLabels.begin(), kLabels.end(), fields[0]) != kLabels.end());
  CHECK(fields[1].size() == 6);  // 0.1234
  // Spans are the words without those of O, some of which are one.
  CHECK(spans.size() < words.size());
  for (const std::string& line : spans) CHECK(!Holds(line, "-CARD"));
}

TEST_CASE("label: JSON has offsets, and where they count in a pair; a long text says that it was cut") {
  const LabelFolder bert;
  const std::string model = bert.Model({});
  const json line = SmxJson({"label", model, "--input", "-", "--jsonl", "--json", "--by", "word"},
                            "{\"text\": \"my  cards\", \"text_pair\": \"lost\"}\n");
  REQUIRE(line.at("labels").size() == 3);
  CHECK(line.at("labels")[1].at("begin") == 4);
  CHECK(line.at("labels")[1].at("end") == 9);
  CHECK(line.at("labels")[1].at("text") == "cards");
  CHECK(line.at("labels")[1].at("of_pair") == false);
  CHECK(line.at("labels")[2].at("begin") == 0);
  CHECK(line.at("labels")[2].at("text") == "lost");
  CHECK(line.at("labels")[2].at("of_pair") == true);
  CHECK(line.at("tokens") == 7);
  CHECK(line.at("truncated") == false);
  const json single = SmxJson({"label", model, "lost", "--json", "--by", "word"});
  CHECK(!single.contains("text_pair"));
  CHECK(!single.at("labels")[0].contains("of_pair"));
  std::string text;
  for (int i = 0; i < 30; ++i) text += "card ";
  const ProcessResult cut = RunSmx({"label", model, text, "--json", "--by", "token"});
  CHECK(cut.exit_code == 0);
  CHECK(Holds(cut.err, "argument 1: 32 tokens, the model reads 20: the rest was cut off"));
  CHECK(json::parse(cut.out).at("labels").size() == 18);
  CHECK(json::parse(cut.out).at("truncated") == true);
  const json plain = SmxJson({"label", model, "[MASK]", "--json", "--by", "token", "--plain-text"});
  CHECK(plain.at("labels").size() == 3);
  CHECK(SmxJson({"label", model, "[MASK]", "--json", "--by", "token"}).at("labels").size() == 1);
}

TEST_CASE("label: a pooler that an old file has is left out; the same from our own names and config.json") {
  LabelFolder bert;
  const std::string expected = ReadFile(bert.Model({}));
  const ArrayMap all = ReadSafetensors(kSource + "/model.safetensors");
  for (const char* name : {"bert.pooler.dense.weight", "bert.pooler.dense.bias"}) bert.arrays[name] = all.at(name);
  CHECK(ReadFile(bert.Model({})) == expected);

  const TemporaryFolder folder;
  const std::string golden = std::string(SMX_TESTS_DIR) + "/golden/cases/linear";
  ArrayMap arrays = ReadSafetensors(golden + "/params.safetensors");
  for (const char* name : {"encoder/pooler/kernel", "encoder/pooler/bias"}) arrays.erase(name);
  json config = smx::tests::ReadConfig(golden);
  config["task"] = "token_labels";
  config["labels"] = {"O", "B-X", "I-X"};
  for (const std::string part : {"kernel", "bias"}) {
    arrays["token_labels/output_" + part] = arrays.at("classification/output_" + part);
    arrays.erase("classification/output_" + part);
  }
  const std::string checkpoint = smx::tests::WriteArrays(folder, "model.safetensors", arrays);
  folder.Write("config.json", config.dump());
  const ProcessResult made = RunQuantize({checkpoint, "-o", folder.Path("model.smx")});
  REQUIRE_MESSAGE(made.exit_code == 0, made.err);
  CHECK(SmxJson({"inspect", folder.Path("model.smx"), "--json"}).at("task") == "token_labels");
  for (const char* command : {"bench", "inspect"}) {
    const json report = SmxJson(
        {command, folder.Path("model.smx"), "--json", "--length=5", command[0] == 'b' ? "--repeat=1" : "--plan"});
    CHECK(report.at("macs").get<uint64_t>() < report.at("macs_dense").get<uint64_t>());
    if (command[0] == 'i') CHECK(report.at("steps").back().at("rows") == 5);
  }
  CheckRefused(RunSmx({"label", folder.Path("model.smx"), "a"}), 4, {"no tokenizer"});
}

TEST_CASE("label: folders whose labels, shapes and arrays do not fit together are refused") {
  const auto refused = [](auto change, int exit_code, const std::vector<std::string>& words) {
    LabelFolder bert;
    change(&bert);
    CheckRefused(bert.Quantize({}), exit_code, words);
  };
  refused([](LabelFolder* b) { b->config["id2label"].erase("4"); }, 3, {"classifier.weight", "[5,24]", "[4,24]"});
  refused([](LabelFolder* b) { b->config["id2label"]["5"] = "X"; }, 3, {"classifier.weight", "[5,24]", "[6,24]"});
  refused([](LabelFolder* b) { b->config["id2label"]["4"] = "O"; }, 3, {"\"O\" occurs twice"});
  refused([](LabelFolder* b) { b->config["id2label"]["6"] = "X"; }, 3, {"id2label", "5 has none"});
  refused([](LabelFolder* b) { b->config["id2label"] = json::object(); }, 3, {"classifier.weight", "[5,24]", "[2,24]"});
  refused([](LabelFolder* b) { b->arrays.erase("classifier.bias"); }, 3, {"classifier.bias", "missing"});
  refused([](LabelFolder* b) { b->arrays.erase("classifier.weight"); }, 3, {"classifier.weight", "missing"});
  refused([](LabelFolder* b) { b->arrays.at("classifier.weight").shape = {24, 5}; }, 3, {"[24,5]", "[5,24]"});
  refused([](LabelFolder* b) { b->config["problem_type"] = "multi_label_classification"; }, 3, {"problem_type"});
  refused([](LabelFolder* b) { b->config["architectures"] = {"BertForQuestionAnswering"}; }, 4,
          {"BertForQuestionAnswering"});
  refused([](LabelFolder* b) { b->config.erase("architectures"); }, 4, {"BertForTokenClassification"});
}

TEST_CASE("label: what is refused") {
  const LabelFolder bert;
  const std::string model = bert.Model({});
  CheckRefused(RunSmx({"label", ShippedModel(), "a"}), 4, {"classification", "labels no tokens"});
  CheckRefused(RunSmx({"label", model, "a", "--by", "line"}), 2, {"--by"});
  CheckRefused(RunSmx({"label", model}), 2, {"TEXT"});
  CheckRefused(RunSmx({"label", model, "--input", bert.folder.Path("none.txt")}), 3, {"none.txt"});
  CheckRefused(RunSmx({"classify", model, "a"}), 4, {"smx label"});
  CheckRefused(RunSmx({"fill", model, "a"}), 4, {"token_labels"});
  const std::string data = bert.folder.Write("data.tsv", "text\tlabel\nlost\t0\n");
  CheckRefused(RunSmx({"evaluate", model, data}), 4, {"token_labels", "accuracy is for classification"});
  CheckRefused(bert.Quantize({"--evaluate", data}), 4, {"token_labels"});
  CheckRefused(bert.Quantize({"--evaluate", data, "--min-accuracy", "0.5"}), 2, {"--min-accuracy"});
}
