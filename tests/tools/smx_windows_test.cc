// --windows and --overlap of classify, evaluate and embed: what they report, and what is refused.

#include <doctest/doctest.h>

#include "support/programs.h"

using nlohmann::json;
using smx::tests::CheckRefused;
using smx::tests::Holds;
using smx::tests::ProcessResult;
using smx::tests::RunSmx;
using smx::tests::ShippedModel;
using smx::tests::SmxJson;
using smx::tests::SmxOut;
using smx::tests::TemporaryFolder;

namespace {

/// `words` tokens; the shipped model reads 64, so a window holds 62 of them.
std::string LongText(size_t words) {
  std::string text;
  for (size_t i = 0; i < words; ++i) text += i % 2 == 0 ? "card " : "my ";
  return text;
}

}  // namespace

TEST_CASE("smx windows: classify and embed say how many windows a text took, and cut nothing off") {
  for (const std::string command : {"classify", "embed"}) {
    CAPTURE(command);
    const ProcessResult result =
        RunSmx({command, ShippedModel(), LongText(100), "--json", "--windows", "mean", "--overlap", "24"});
    REQUIRE_MESSAGE(result.exit_code == 0, result.err);
    CHECK(result.err == "argument 1: 102 tokens, read in 2 windows\n");
    const json line = json::parse(result.out);
    CHECK(line.at("windows") == 2);
    CHECK(line.at("tokens") == 102);
    CHECK(line.at("truncated") == false);
    CHECK(SmxJson({command, ShippedModel(), LongText(101), "--json", "--windows", "mean", "--overlap", "24"})
              .at("windows") == 3);
    const json mean = SmxJson({command, ShippedModel(), LongText(101), "--json", "--windows", "mean"});
    const json max = SmxJson({command, ShippedModel(), LongText(101), "--json", "--windows", "max"});
    CHECK(mean != max);
    const json cut = SmxJson({command, ShippedModel(), LongText(101), "--json"});
    CHECK(cut.at("windows") == 1);
    CHECK(cut.at("truncated") == true);
    CHECK(SmxJson({command, ShippedModel(), "my card", "--json", "--windows", "max"}) ==
          SmxJson({command, ShippedModel(), "my card", "--json"}));
  }
}

TEST_CASE("smx windows: evaluate answers as classify does, and reports the windows of all texts") {
  const TemporaryFolder folder;
  const std::vector<std::string> texts = {"my card", LongText(100), "PIN " + LongText(61) + "where is my new card"};
  std::string tsv = "text\tlabel\n";
  for (const std::string& text : texts) {
    const json line = SmxJson({"classify", ShippedModel(), text, "--json", "--windows", "max"});
    tsv += text + "\t" + line.at("labels")[0].at("label").get<std::string>() + "\n";
  }
  const std::string data = folder.Write("data.tsv", tsv);
  const json report = SmxJson({"evaluate", ShippedModel(), data, "--json", "--windows", "max"});
  CHECK(report.at("accuracy") == 1);
  CHECK(report.at("windows") == 5);
  CHECK(report.at("truncated") == 0);
  const json cut = SmxJson({"evaluate", ShippedModel(), data, "--json"});
  CHECK(cut.at("windows") == 3);
  CHECK(cut.at("truncated") == 2);
  CHECK(Holds(SmxOut({"evaluate", ShippedModel(), data, "--windows", "max"}), "windows    5"));
  CHECK(!Holds(SmxOut({"evaluate", ShippedModel(), data}), "windows"));
}

TEST_CASE("smx windows: what is refused") {
  const TemporaryFolder folder;
  const std::string data = folder.Write("data.tsv", "text\tpair\tlabel\na\tb\tage_limit\n");
  CheckRefused(RunSmx({"classify", ShippedModel(), "a", "--windows", "min"}), 2, {"--windows"});
  CheckRefused(RunSmx({"classify", ShippedModel(), "a", "--overlap", "3"}), 2, {"--overlap", "--windows"});
  CheckRefused(RunSmx({"embed", ShippedModel(), "a", "--windows", "max", "--overlap", "x"}), 2, {"--overlap"});
  CheckRefused(RunSmx({"classify", ShippedModel(), "a", "--windows", "max", "--overlap", "62"}), 3,
               {"overlap of 62", "below the 62"});
  CheckRefused(RunSmx({"evaluate", ShippedModel(), data, "--text-pair", "pair", "--windows", "max"}), 2,
               {"--windows", "--text-pair"});
  CheckRefused(RunSmx({"classify", ShippedModel(), "--input", "-", "--jsonl", "--windows", "max"},
                      "{\"text\": \"a\", \"text_pair\": \"b\"}\n"),
               3, {"pair"});
}
