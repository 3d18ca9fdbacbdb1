// How sure a model is, through the programs: the threshold and the error of evaluate, against the answers of classify.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "support/models.h"
#include "support/programs.h"

using nlohmann::json;
using smx::tests::CheckRefused;
using smx::tests::Holds;
using smx::tests::ModelWithKeys;
using smx::tests::Row;
using smx::tests::RunSmx;
using smx::tests::ShippedFolder;
using smx::tests::ShippedModel;
using smx::tests::ShippedRows;
using smx::tests::SmxJson;
using smx::tests::SmxJsonLines;
using smx::tests::SmxOut;
using smx::tests::SplitLines;
using smx::tests::TemporaryFolder;
using smx::tests::Tsv;

namespace {

/// Texts of every class of the shipped test set, some of them twice: equal texts have equal probabilities.
std::vector<Row> SomeRows() {
  std::vector<Row> rows;
  for (const Row& row : ShippedRows(20)) {
    rows.push_back(row);
    if (rows.size() % 4 == 1) rows.push_back(row);
  }
  return rows;
}

std::string WriteTsv(const TemporaryFolder& folder, const std::vector<Row>& rows) {
  return folder.Write("data.tsv", Tsv(rows));
}

std::vector<json> ClassifyAll(const std::string& model, const std::vector<Row>& rows,
                              const std::vector<std::string>& flags) {
  std::string texts;
  for (const Row& row : rows) texts += row.text + "\n";
  std::vector<std::string> arguments = {"classify", model, "--json", "--input", "-"};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  const std::vector<json> lines = SmxJsonLines(arguments, texts);
  REQUIRE(lines.size() == rows.size());
  return lines;
}

double ProbabilityOf(const json& line) { return line.at("labels").at(0).at("probability").get<double>(); }

bool IsRight(const json& line, const Row& row) { return line.at("labels").at(0).at("label") == row.label; }

/// The same, the fifth of them with the least sure answers labelled wrongly: so that no model answers all of them
/// right.
std::vector<Row> HardRows() {
  std::vector<Row> rows = SomeRows();
  const std::vector<json> lines = ClassifyAll(ShippedModel(), rows, {});
  std::vector<double> sorted;
  for (const json& line : lines) sorted.push_back(ProbabilityOf(line));
  std::sort(sorted.begin(), sorted.end());
  for (size_t i = 0; i < rows.size(); ++i) {
    if (ProbabilityOf(lines[i]) >= sorted[sorted.size() / 5]) continue;
    rows[i].label = lines[i].at("labels").at(0).at("label") == "age_limit" ? "atm_support" : "age_limit";
  }
  return rows;
}

/// The shipped model with another temperature.
std::string ShippedWith(const TemporaryFolder& folder, double temperature) {
  return ModelWithKeys(folder, ShippedFolder(), {{"temperature", temperature}});
}

/// What evaluate prints for people between "threshold" and the colon.
std::string PlainThreshold(const std::string& out) {
  for (const std::string& line : SplitLines(out)) {
    if (line.rfind("threshold  ", 0) == 0) return line.substr(11, line.find(':') - 11);
  }
  FAIL("no threshold in " << out);
  return "";
}

/// Checks that classify with `threshold` answers as many of the rows, and as many of them right, as `report` counts.
void CheckAnswers(const std::string& model, const std::vector<Row>& rows, const std::string& threshold,
                  const json& report) {
  CAPTURE(threshold);
  const std::vector<json> lines = ClassifyAll(model, rows, {"--threshold", threshold});
  size_t answered = 0, right = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (lines[i].at("abstained") == true) continue;
    ++answered;
    right += IsRight(lines[i], rows[i]) ? 1 : 0;
  }
  CHECK(report.at("answered_count") == answered);
  CHECK(report.at("answered") == static_cast<double>(answered) / static_cast<double>(rows.size()));
  CHECK(report.at("precision") == static_cast<double>(right) / static_cast<double>(answered));
}

}  // namespace

TEST_CASE("confidence: classify answers exactly the texts that evaluate --precision counted, with either threshold") {
  const TemporaryFolder folder;
  const std::vector<Row> rows = HardRows();
  const std::string data = WriteTsv(folder, rows);
  for (const std::string& model : {ShippedModel(), ShippedWith(folder, 2.5)}) {
    for (const std::string precision : {"0.85", "0.97"}) {
      CAPTURE(precision);
      const json report = SmxJson({"evaluate", model, data, "--precision", precision, "--json"});
      CHECK(report.at("precision").get<double>() >= std::stod(precision));
      CHECK(report.at("answered_count").get<size_t>() < rows.size());
      CheckAnswers(model, rows, report.at("threshold").dump(), report);
      const std::string out = SmxOut({"evaluate", model, data, "--precision", precision});
      CheckAnswers(model, rows, PlainThreshold(out), report);
      CHECK(Holds(out, "answers " + report.at("answered_count").dump() + " texts"));
    }
  }
}

TEST_CASE("confidence: no lower threshold among the texts' probabilities reaches the precision") {
  const TemporaryFolder folder;
  const std::vector<Row> rows = HardRows();
  const json report = SmxJson({"evaluate", ShippedModel(), WriteTsv(folder, rows), "--precision", "0.95", "--json"});
  const std::vector<json> lines = ClassifyAll(ShippedModel(), rows, {});
  const double threshold = report.at("threshold").get<double>();
  bool is_one_of_them = false;
  for (const json& line : lines) {
    const double lower = ProbabilityOf(line);
    is_one_of_them |= lower == threshold;
    if (lower >= threshold) continue;
    size_t answered = 0, right = 0;
    for (size_t i = 0; i < rows.size(); ++i) {
      if (ProbabilityOf(lines[i]) < lower) continue;
      ++answered;
      right += IsRight(lines[i], rows[i]) ? 1 : 0;
    }
    CHECK(static_cast<double>(right) / static_cast<double>(answered) < 0.95);
  }
  CHECK(is_one_of_them);
}

TEST_CASE("confidence: texts of the threshold's own probability are answered, right or wrong") {
  const TemporaryFolder folder;
  const json sure = ClassifyAll(ShippedModel(), {{"Where is my new card?", ""}}, {})[0];
  const json unsure = ClassifyAll(ShippedModel(), {{"", ""}}, {})[0];
  REQUIRE(ProbabilityOf(sure) > ProbabilityOf(unsure));
  const std::string label = sure.at("labels").at(0).at("label");
  const std::vector<Row> rows = {{"Where is my new card?", "age_limit"},
                                 {"", "age_limit"},
                                 {"Where is my new card?", label},
                                 {"Where is my new card?", label}};
  const json report = SmxJson({"evaluate", ShippedModel(), WriteTsv(folder, rows), "--precision", "0.6", "--json"});
  CHECK(report.at("threshold") == ProbabilityOf(sure));
  CHECK(report.at("answered_count") == 3);
  CheckAnswers(ShippedModel(), rows, report.at("threshold").dump(), report);
}

TEST_CASE("confidence: a precision that all answers have needs no threshold: it is 0") {
  const TemporaryFolder folder;
  const std::vector<Row> rows = SomeRows();
  const json report = SmxJson({"evaluate", ShippedModel(), WriteTsv(folder, rows), "--precision", "0.5", "--json"});
  CHECK(report.at("threshold") == 0);
  CHECK(report.at("answered") == 1);
  CHECK(report.at("precision") == report.at("accuracy"));
}

TEST_CASE("confidence: a precision that no threshold reaches is null and a sentence, with exit code 0") {
  const TemporaryFolder folder;
  const std::string data = WriteTsv(folder, {{"Where is my new card?", "age_limit"}, {"I forgot my PIN", "age_limit"}});
  const json report = SmxJson({"evaluate", ShippedModel(), data, "--precision", "0.9", "--json"});
  CHECK(report.at("threshold").is_null());
  CHECK(report.at("answered") == 0);
  CHECK(report.at("answered_count") == 0);
  CHECK(report.at("precision").is_null());
  const std::string out = SmxOut({"evaluate", ShippedModel(), data, "--precision", "0.9"});
  CHECK(Holds(out, "none reaches a precision of 0.9"));
  CHECK(Holds(out, "answers 2 texts (100.00 %), 0 of them right (0.00 %)"));
}

TEST_CASE("confidence: without --precision there is no threshold; a bad one is exit code 2; help explains it") {
  const TemporaryFolder folder;
  const std::string data = WriteTsv(folder, {{"my card", "card_arrival"}});
  const json report = SmxJson({"evaluate", ShippedModel(), data, "--json"});
  for (const char* key : {"threshold", "answered", "answered_count", "precision"}) CHECK(!report.contains(key));
  CHECK(!Holds(SmxOut({"evaluate", ShippedModel(), data}), "threshold"));
  for (const char* bad : {"1.01", "-0.1", "95", "nan", "high", ""}) {
    CAPTURE(bad);
    CheckRefused(RunSmx({"evaluate", ShippedModel(), data, "--precision", bad}), 2, {"--precision"});
  }
  const std::string help = SmxOut({"evaluate", "--help"});
  for (const char* word : {"--precision 0.95", "exit code is 0", "null", "least sure"}) CHECK(Holds(help, word));
  CHECK(Holds(SmxOut({"classify", "--help"}), "--precision"));
}

TEST_CASE("confidence: the calibration error of evaluate is that of classify's probabilities, in 15 bins") {
  const TemporaryFolder folder;
  const std::vector<Row> rows = SomeRows();
  const std::string data = WriteTsv(folder, rows);
  for (const std::string& model : {ShippedModel(), ShippedWith(folder, 3)}) {
    const std::vector<json> lines = ClassifyAll(model, rows, {});
    std::vector<double> right(15), sure(15);
    for (size_t i = 0; i < rows.size(); ++i) {
      const size_t bin = std::min<size_t>(14, static_cast<size_t>(std::floor(15 * ProbabilityOf(lines[i]))));
      right[bin] += IsRight(lines[i], rows[i]) ? 1 : 0;
      sure[bin] += ProbabilityOf(lines[i]);
    }
    double expected = 0;
    for (size_t bin = 0; bin < 15; ++bin) {
      expected += std::fabs(right[bin] - sure[bin]) / static_cast<double>(rows.size());
    }
    const json report = SmxJson({"evaluate", model, data, "--json"});
    CHECK(report.at("expected_calibration_error").get<double>() == doctest::Approx(expected).epsilon(1e-6));
    CHECK(expected > 0.001);
  }
}
