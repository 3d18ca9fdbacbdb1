// smx classify: flags, lines and JSON keys as the contract of the programs has them.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "support/models.h"
#include "support/programs.h"

using nlohmann::json;
using smx::tests::CheckRefused;
using smx::tests::GoldenModel;
using smx::tests::Holds;
using smx::tests::ProcessResult;
using smx::tests::RunSmx;
using smx::tests::ShippedFolder;
using smx::tests::ShippedModel;
using smx::tests::SmxJson;
using smx::tests::SmxJsonLines;
using smx::tests::SmxLines;
using smx::tests::SmxOut;
using smx::tests::Split;
using smx::tests::TemporaryFolder;

namespace {

constexpr char kText[] = "Where is my new card?";

std::string LongText(size_t num_words) {
  std::string text;
  for (size_t i = 0; i < num_words; ++i) text += "card ";
  return text;
}

}  // namespace

TEST_CASE("classify: one line per text, in order: label, probability, text") {
  const std::vector<std::string> texts = {kText, "I forgot my passcode", kText, "a\ttab"};
  std::vector<std::string> arguments = {"classify", ShippedModel()};
  arguments.insert(arguments.end(), texts.begin(), texts.end());
  const std::vector<std::string> lines = SmxLines(arguments);
  REQUIRE(lines.size() == texts.size());
  const json labels = smx::tests::ReadConfig(ShippedFolder())["labels"];
  for (size_t i = 0; i < 3; ++i) {
    const std::vector<std::string> fields = Split(lines[i], '\t');
    REQUIRE(fields.size() == 3);
    CHECK(std::find(labels.begin(), labels.end(), fields[0]) != labels.end());
    CHECK(std::stod(fields[1]) > 0);
    CHECK(std::stod(fields[1]) <= 1);
    CHECK(fields[2] == texts[i]);
  }
  CHECK(lines[0] == lines[2]);
  CHECK(Split(lines[1], '\t')[0] == "passcode_forgotten");
}

TEST_CASE("classify: --json has every key of the contract and agrees with the plain line") {
  const json object = SmxJson({"classify", ShippedModel(), kText, "--json"});
  CHECK(object.at("text") == kText);
  REQUIRE(object.at("labels").size() == 1);
  CHECK(object.at("tokens").is_number_unsigned());
  CHECK(object.at("truncated") == false);
  CHECK(object.at("abstained") == false);
  const std::vector<std::string> fields = Split(SmxLines({"classify", ShippedModel(), kText})[0], '\t');
  CHECK(object.at("labels")[0].at("label") == fields[0]);
  CHECK(std::fabs(object.at("labels")[0].at("probability").get<double>() - std::stod(fields[1])) <= 5.1e-5);
}

TEST_CASE("classify: tokens is what tokenize counts") {
  for (const char* text : {kText, "", "PIN", "caf\xc3\xa9 \xe2\x82\xac"}) {
    CAPTURE(text);
    const json tokens = SmxJson({"tokenize", ShippedModel(), "--json", text});
    CHECK(SmxJson({"classify", ShippedModel(), "--json", text}).at("tokens") == tokens.at("ids").size());
  }
}

TEST_CASE("classify: --top 77 lists every class once, best first, and the probabilities sum to 1") {
  const json labels = SmxJson({"classify", ShippedModel(), kText, "--json", "--top", "77"}).at("labels");
  REQUIRE(labels.size() == 77);
  double sum = 0;
  std::vector<std::string> names;
  for (size_t i = 0; i < labels.size(); ++i) {
    const double probability = labels[i].at("probability").get<double>();
    CHECK(probability >= 0);
    if (i > 0) CHECK(probability <= labels[i - 1].at("probability").get<double>());
    sum += probability;
    names.push_back(labels[i].at("label"));
  }
  CHECK(std::fabs(sum - 1) < 1e-5);
  std::sort(names.begin(), names.end());
  std::vector<std::string> expected = smx::tests::ReadConfig(ShippedFolder())["labels"];
  std::sort(expected.begin(), expected.end());
  CHECK(names == expected);
}

TEST_CASE("classify: --top puts more pairs before the text") {
  const json labels = SmxJson({"classify", ShippedModel(), kText, "--json", "--top", "3"}).at("labels");
  const std::vector<std::string> fields = Split(SmxLines({"classify", ShippedModel(), kText, "--top", "3"})[0], '\t');
  REQUIRE(fields.size() == 7);
  for (size_t i = 0; i < 3; ++i) CHECK(labels[i].at("label") == fields[2 * i]);
  CHECK(fields[6] == kText);
}

TEST_CASE("classify: --input reads a file line by line, blank lines too, and a last line without its end") {
  const TemporaryFolder folder;
  const std::string input = folder.Write("texts.txt", std::string(kText) + "\n\nI forgot my passcode");
  const std::vector<std::string> lines = SmxLines({"classify", ShippedModel(), "--input", input});
  REQUIRE(lines.size() == 3);
  CHECK(lines[0] == SmxLines({"classify", ShippedModel(), kText})[0]);
  CHECK(lines[1] == SmxLines({"classify", ShippedModel(), ""})[0]);
  CHECK(Split(lines[1], '\t').size() == 3);
  CHECK(Split(lines[2], '\t')[2] == "I forgot my passcode");
}

TEST_CASE("classify: - is stdin") {
  const std::vector<std::string> lines = SmxLines({"classify", ShippedModel(), "--input", "-"}, "\nPIN\n\n");
  REQUIRE(lines.size() == 3);
  CHECK(lines[1] == SmxLines({"classify", ShippedModel(), "PIN"})[0]);
  CHECK(SmxOut({"classify", ShippedModel(), "--input", "-"}, "").empty());
}

TEST_CASE("classify: below the threshold the label is -, and JSON says abstained") {
  const json sure = SmxJson({"classify", ShippedModel(), kText, "--json"});
  const double probability = sure.at("labels")[0].at("probability").get<double>();
  const std::string above = std::to_string(std::min(1.0, probability + 1e-3));
  const std::string below = std::to_string(probability - 1e-3);
  const std::vector<std::string> abstained =
      Split(SmxLines({"classify", ShippedModel(), kText, "--threshold", above})[0], '\t');
  REQUIRE(abstained.size() == 3);
  CHECK(abstained[0] == "-");
  CHECK(abstained[2] == kText);
  CHECK(SmxLines({"classify", ShippedModel(), kText, "--threshold", below}) ==
        SmxLines({"classify", ShippedModel(), kText}));
  CHECK(SmxJson({"classify", ShippedModel(), kText, "--threshold", above, "--json"}).at("abstained") == true);
  CHECK(SmxJson({"classify", ShippedModel(), kText, "--threshold", below, "--json"}) == sure);
}

TEST_CASE("classify: the answer depends neither on threads nor on neighbours") {
  const std::string input = std::string(kText) + "\n" + LongText(90) + "\nPIN\n";
  const std::vector<std::string> arguments = {"classify", ShippedModel(), "--json", "--top", "77", "--input", "-"};
  std::vector<std::string> two = arguments;
  two.insert(two.end(), {"--threads", "2"});
  const std::string one_thread = SmxOut(arguments, input);
  CHECK(SmxOut(two, input) == one_thread);
  CHECK(Holds(one_thread, SmxOut(arguments, "PIN\n")));
}

TEST_CASE("classify: a special token typed in a text counts as such, with --plain-text as text") {
  const std::string typed = "my [MASK] card";
  const json special = SmxJson({"classify", ShippedModel(), typed, "--json"});
  const json plain = SmxJson({"classify", ShippedModel(), typed, "--json", "--plain-text"});
  CHECK(special.at("tokens") == 5);
  CHECK(plain.at("tokens").get<int>() >= 7);  // the brackets alone are two
  CHECK(special.at("text") == plain.at("text"));
  CHECK(SmxOut({"classify", ShippedModel(), kText, "--plain-text"}) == SmxOut({"classify", ShippedModel(), kText}));
}

TEST_CASE("classify: --jsonl takes text and text_pair") {
  const std::string input = R"({"text": "my card", "text_pair": "was stolen"})"
                            "\n"
                            R"({"text": "my card"})"
                            "\n"
                            R"({"text_pair": "", "text": "my card"})"
                            "\n";
  const std::vector<json> objects =
      SmxJsonLines({"classify", ShippedModel(), "--jsonl", "--json", "--input", "-"}, input);
  REQUIRE(objects.size() == 3);
  CHECK(objects[0].at("text") == "my card");
  CHECK(objects[1] == SmxJson({"classify", ShippedModel(), "--json", "my card"}));
  CHECK(objects[1].at("tokens") == 4);
  CHECK(objects[0].at("tokens").get<int>() >= 7);  // two words and a [SEP] more
  CHECK(objects[2].at("tokens") == 5);             // an empty second text still brings its [SEP]
}

TEST_CASE("classify: a text of --jsonl may hold a line feed and is still one line of output") {
  const std::string input = R"({"text": "two\nlines\r\n\tthree"})"
                            "\n";
  CHECK(SmxLines({"classify", ShippedModel(), "--jsonl", "--input", "-"}, input).size() == 1);
  const json object = SmxJson({"classify", ShippedModel(), "--jsonl", "--json", "--input", "-"}, input);
  CHECK(object.at("text") == "two\nlines\r\n\tthree");
}

TEST_CASE("classify: a broken line of --jsonl is exit code 3 with its line") {
  for (const char* line :
       {"{\"text\": \"a\"", "[]", "{}", "{\"text\": 5}", "\"a\"", "{\"text\": \"a\", \"text_pair\": 1}"}) {
    CAPTURE(line);
    const ProcessResult result = RunSmx({"classify", ShippedModel(), "--jsonl", "--input", "-"},
                                        "{\"text\": \"a\"}\n" + std::string(line) + "\n");
    CAPTURE(result.err);
    CHECK(result.exit_code == 3);
    CHECK(Holds(result.err, "line 2"));
  }
}

TEST_CASE("classify: a truncated text is reported") {
  const ProcessResult result = RunSmx({"classify", ShippedModel(), LongText(100), "--json"});
  REQUIRE(result.exit_code == 0);
  const json object = json::parse(result.out);
  CHECK(object.at("truncated") == true);
  CHECK(object.at("tokens") == 64);
  CHECK(Holds(result.err, "102"));  // with [CLS] and [SEP]
  CHECK(Holds(result.err, "64"));
  const ProcessResult fits = RunSmx({"classify", ShippedModel(), LongText(62), "--json"});
  CHECK(json::parse(fits.out).at("truncated") == false);
  CHECK(json::parse(fits.out).at("tokens") == 64);
  CHECK(fits.err.empty());
}

TEST_CASE("classify: a model without labels answers with class numbers") {
  const TemporaryFolder folder;
  json config = smx::tests::ReadConfig(ShippedFolder());
  config.erase("labels");
  config["tokenizer"]["file"] = ShippedFolder() + "/vocab.txt";
  const std::string model = folder.Path("model.smx");
  const ProcessResult made = smx::tests::RunQuantize(
      {ShippedFolder() + "/model.safetensors", "-o", model, "--config", folder.Write("config.json", config.dump())});
  REQUIRE_MESSAGE(made.exit_code == 0, made.err);
  const std::string label = SmxJson({"classify", model, kText, "--json"}).at("labels")[0].at("label");
  const json named = SmxJson({"classify", ShippedModel(), kText, "--json"}).at("labels")[0].at("label");
  const json names = smx::tests::ReadConfig(ShippedFolder())["labels"];
  CHECK(names.at(std::stoul(label)) == named);
}

TEST_CASE("classify: a model without a tokenizer, or one that routes over batches, is not supported") {
  const TemporaryFolder folder;
  CheckRefused(RunSmx({"classify", GoldenModel(folder, "linear"), "a"}), 4, {"linear.smx", "tokenizer"});
  const std::string batch = folder.Path("batch.smx");
  const ProcessResult made = smx::tests::RunQuantize(
      {ShippedFolder() + "/model.safetensors", "-o", batch, "--padding", "reference", "--routing-group", "batch"});
  REQUIRE_MESSAGE(made.exit_code == 0, made.err);
  CheckRefused(RunSmx({"classify", batch, "a"}), 4, {"batch.smx", "batch"});
}

TEST_CASE("classify: usage errors are exit code 2") {
  const std::string& model = ShippedModel();
  CheckRefused(RunSmx({"classify"}), 2, {"model"});
  CheckRefused(RunSmx({"classify", model}), 2, {"--input"});
  CheckRefused(RunSmx({"classify", model, "a", "--input", "-"}), 2, {"--input"});
  CheckRefused(RunSmx({"classify", model, "a", "--frobnicate"}), 2, {"--frobnicate"});
  CheckRefused(RunSmx({"classify", model, "a", "--top", "0"}), 2, {"--top", "0"});
  CheckRefused(RunSmx({"classify", model, "a", "--top", "x"}), 2, {"--top", "x"});
  CheckRefused(RunSmx({"classify", model, "a", "--threshold", "1.5"}), 2, {"--threshold", "1.5"});
  CheckRefused(RunSmx({"classify", model, "a", "--threads", "0"}), 2, {"--threads"});
  CheckRefused(RunSmx({"classify", model, "a", "--jsonl"}), 2, {"--jsonl"});
}

TEST_CASE("classify: help holds examples") {
  const std::string help = SmxOut({"classify", "--help"});
  for (const char* word : {"Example", "smx classify model.smx", "--input", "--top", "--threshold", "--threads",
                           "--plain-text", "--json", "--jsonl"}) {
    CAPTURE(word);
    CHECK(Holds(help, word));
  }
}
