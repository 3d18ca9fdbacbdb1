// smx evaluate: what it counts, against smx classify on the same texts.

#include <doctest/doctest.h>

#include <cmath>

#include "support/models.h"
#include "support/programs.h"

using nlohmann::json;
using smx::tests::CheckRefused;
using smx::tests::Holds;
using smx::tests::ProcessResult;
using smx::tests::Row;
using smx::tests::RunQuantize;
using smx::tests::RunSmx;
using smx::tests::ShippedFolder;
using smx::tests::ShippedModel;
using smx::tests::ShippedRows;
using smx::tests::SmxJson;
using smx::tests::SmxJsonLines;
using smx::tests::SmxOut;
using smx::tests::TemporaryFolder;
using smx::tests::Tsv;

namespace {

/// The mean of 2 tp / (texts of the class + texts given the class) over the classes that occur at all.
double MacroF1(const json& confusion) {
  double sum = 0;
  size_t classes = 0;
  for (size_t i = 0; i < confusion.size(); ++i) {
    double marginals = 0;
    for (size_t j = 0; j < confusion.size(); ++j) {
      marginals += confusion[i][j].get<double>() + confusion[j][i].get<double>();
    }
    if (marginals == 0) continue;
    ++classes;
    sum += 2 * confusion[i][i].get<double>() / marginals;
  }
  return sum / static_cast<double>(classes);
}

}  // namespace

TEST_CASE("evaluate: accuracy is what classify gives on the same texts") {
  const TemporaryFolder folder;
  const std::vector<Row> rows = ShippedRows(40);
  std::string texts;
  for (const Row& row : rows) texts += row.text + "\n";
  const std::vector<json> answers = SmxJsonLines({"classify", ShippedModel(), "--json", "--input", "-"}, texts);
  REQUIRE(answers.size() == rows.size());
  size_t right = 0;
  for (size_t i = 0; i < rows.size(); ++i) right += answers[i].at("labels")[0].at("label") == rows[i].label ? 1 : 0;
  const json object = SmxJson({"evaluate", ShippedModel(), folder.Write("data.tsv", Tsv(rows)), "--json"});
  CHECK(object.at("count") == rows.size());
  CHECK(std::fabs(object.at("accuracy").get<double>() - static_cast<double>(right) / static_cast<double>(rows.size())) <
        1e-9);
  CHECK(object.at("accuracy").get<double>() > 0.8);
}

TEST_CASE("evaluate: the tiny model that is shipped has less than a megabyte and is right nine times of ten") {
  const TemporaryFolder folder;
  const std::string model = folder.Path("tiny.smx");
  const ProcessResult made = RunQuantize({ShippedFolder() + "_tiny/model.safetensors", "-o", model});
  REQUIRE_MESSAGE(made.exit_code == 0, made.err);
  CHECK(smx::tests::ReadFile(model).size() < 1'000'000);
  const json object = SmxJson({"evaluate", model, folder.Write("data.tsv", Tsv(ShippedRows(10))), "--json"});
  CHECK(object.at("count") == 308);
  CHECK(object.at("accuracy").get<double>() > 0.9);
}

TEST_CASE("evaluate: --json has every key of the contract, and they agree with one another") {
  const TemporaryFolder folder;
  const std::vector<Row> rows = ShippedRows(40);
  const json object = SmxJson({"evaluate", ShippedModel(), folder.Write("data.tsv", Tsv(rows)), "--json"});
  CHECK(object.at("labels") == smx::tests::ReadConfig(ShippedFolder())["labels"]);
  const json& confusion = object.at("confusion");
  REQUIRE(confusion.size() == 77);
  size_t all = 0;
  size_t right = 0;
  for (size_t i = 0; i < 77; ++i) {
    REQUIRE(confusion[i].size() == 77);
    for (size_t j = 0; j < 77; ++j) all += confusion[i][j].get<size_t>();
    right += confusion[i][i].get<size_t>();
  }
  CHECK(all == rows.size());
  CHECK(std::fabs(object.at("accuracy").get<double>() - static_cast<double>(right) / static_cast<double>(all)) < 1e-9);
  CHECK(std::fabs(object.at("macro_f1").get<double>() - MacroF1(confusion)) < 1e-9);
  CHECK(object.at("milliseconds_per_text").get<double>() > 0);
}

TEST_CASE("evaluate: a row of the confusion is a true class") {
  const TemporaryFolder folder;
  // Whatever the model says, both texts are of class 3 by their labels.
  const std::string data = folder.Write("data.tsv", "text\tlabel\nmy PIN is blocked\t3\nWhere is my card?\t3\n");
  const json confusion = SmxJson({"evaluate", ShippedModel(), data, "--json"}).at("confusion");
  size_t of_row = 0;
  for (size_t j = 0; j < 77; ++j) of_row += confusion[3][j].get<size_t>();
  CHECK(of_row == 2);
}

TEST_CASE("evaluate: --text, --text-pair and --label choose columns; labels may be class numbers") {
  const TemporaryFolder folder;
  const json labels = smx::tests::ReadConfig(ShippedFolder())["labels"];
  const json answer = SmxJsonLines({"classify", ShippedModel(), "--json", "--jsonl", "--input", "-"},
                                   "{\"text\": \"my card\", \"text_pair\": \"was stolen\"}\n")[0];
  const std::string best = answer.at("labels")[0].at("label");
  size_t number = 0;
  while (labels[number] != best) ++number;
  const std::string data = folder.Write("data.tsv", "no\tclass\tsecond\tfirst\tname\nx\t" + std::to_string(number) +
                                                        "\twas stolen\tmy card\t" + best + "\n");
  for (const char* column : {"class", "name"}) {
    CAPTURE(column);
    const json object = SmxJson(
        {"evaluate", ShippedModel(), data, "--text", "first", "--text-pair", "second", "--label", column, "--json"});
    CHECK(object.at("accuracy") == 1);
    CHECK(object.at("count") == 1);
  }
}

TEST_CASE("evaluate: plain output names accuracy, and threads change nothing") {
  const TemporaryFolder folder;
  std::vector<Row> rows = ShippedRows(40);
  rows.resize(40);
  const std::string data = folder.Write("data.tsv", Tsv(rows));
  CHECK(Holds(SmxOut({"evaluate", ShippedModel(), data}), "accuracy"));
  json one = SmxJson({"evaluate", ShippedModel(), data, "--json", "--threads", "1"});
  CHECK(one.at("threads") == 1);
  for (const std::vector<std::string>& flags : {std::vector<std::string>{"--threads", "2"}, {"--threads", "5"}, {}}) {
    CAPTURE(flags);
    std::vector<std::string> arguments = {"evaluate", ShippedModel(), data, "--json"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    json several = SmxJson(arguments);
    if (!flags.empty()) CHECK(std::to_string(several.at("threads").get<int>()) == flags[1]);
    CHECK(several.at("milliseconds_per_text").get<double>() > 0);
    CHECK(several.at("texts_per_second").get<double>() > 0);
    for (const char* key : {"threads", "milliseconds_per_text", "texts_per_second"}) several[key] = one[key];
    CHECK(several == one);
  }
}

TEST_CASE("evaluate: the time of a text is that on its thread, and more threads than texts are none") {
  const TemporaryFolder folder;
  const std::string data = folder.Write("data.tsv", Tsv(ShippedRows(20)));  // 154
  const json one = SmxJson({"evaluate", ShippedModel(), data, "--json", "--threads", "1"});
  const double seconds = one.at("count").get<double>() / one.at("texts_per_second").get<double>();
  const double in_texts = one.at("count").get<double>() * one.at("milliseconds_per_text").get<double>() / 1000;
  CHECK(in_texts <= seconds);
  CHECK(in_texts >= 0.5 * seconds);
  const std::string single = folder.Write("single.tsv", "text\tlabel\nPIN\tage_limit\n");
  CHECK(SmxJson({"evaluate", ShippedModel(), single, "--json", "--threads", "64"}).at("threads") == 1);
  CHECK(Holds(SmxOut({"evaluate", ShippedModel(), data, "--threads", "2"}), "texts per second by 2 thread(s)"));
}

TEST_CASE("evaluate: no progress bar where no terminal is") {
  const TemporaryFolder folder;
  const std::string data = folder.Write("data.tsv", Tsv({{"my card", "card_arrival"}}));
  const smx::tests::ProcessResult result = RunSmx({"evaluate", ShippedModel(), data});
  REQUIRE(result.exit_code == 0);
  CHECK(result.err.find('\r') == std::string::npos);
  CHECK(result.out.find('\r') == std::string::npos);
}

TEST_CASE("evaluate: a bad data.tsv is exit code 3 with file, line and rule") {
  const TemporaryFolder folder;
  const auto refused = [&](const std::string& content, const std::vector<std::string>& words) {
    CAPTURE(content);
    std::vector<std::string> all = {"data.tsv"};
    all.insert(all.end(), words.begin(), words.end());
    CheckRefused(RunSmx({"evaluate", ShippedModel(), folder.Write("data.tsv", content)}), 3, all);
  };
  refused("", {});
  refused("text\tlabel\n", {"text"});
  refused("text\tkind\na\tb\n", {"label", "kind"});
  refused("text\tlabel\na\tage_limit\nb\n", {"line 3"});
  refused("text\tlabel\na\tage_limit\tc\n", {"line 2"});
  refused("text\tlabel\na\tno_such_label\n", {"line 2", "no_such_label"});
  refused("text\tlabel\na\t77\n", {"line 2", "77"});
  refused("text\tlabel\na\t-1\n", {"line 2", "-1"});
  refused("text\tlabel\nabc\xff\tage_limit\n", {"line 2", "byte 4"});
  CheckRefused(RunSmx({"evaluate", ShippedModel(), folder.Path("none.tsv")}), 3, {"none.tsv"});
}

TEST_CASE("evaluate: usage errors are exit code 2, and help holds examples") {
  CheckRefused(RunSmx({"evaluate", ShippedModel()}), 2, {"data"});
  CheckRefused(RunSmx({"evaluate", ShippedModel(), "x.tsv", "--nonsense"}), 2, {"--nonsense"});
  const std::string help = SmxOut({"evaluate", "--help"});
  for (const char* word :
       {"Example", "smx evaluate model.smx", "--text", "--text-pair", "--label", "--threads", "--json"}) {
    CAPTURE(word);
    CHECK(Holds(help, word));
  }
}
