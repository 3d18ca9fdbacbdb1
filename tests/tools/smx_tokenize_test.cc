// smx tokenize: flags, lines and JSON keys as the contract of the programs has them.

#include <doctest/doctest.h>

#include "support/models.h"
#include "support/programs.h"

using nlohmann::json;
using smx::tests::CheckRefused;
using smx::tests::GoldenModel;
using smx::tests::Holds;
using smx::tests::RunSmx;
using smx::tests::ShippedFolder;
using smx::tests::ShippedModel;
using smx::tests::SmxJson;
using smx::tests::SmxJsonLines;
using smx::tests::SmxLines;
using smx::tests::SmxOut;
using smx::tests::Split;
using smx::tests::SplitLines;
using smx::tests::TemporaryFolder;

TEST_CASE("tokenize: a line is the ids, a tab, and the pieces") {
  const std::vector<std::string> lines = SmxLines({"tokenize", ShippedModel(), "my card", "", "card"});
  REQUIRE(lines.size() == 3);
  const std::vector<std::string> fields = Split(lines[0], '\t');
  REQUIRE(fields.size() == 2);
  CHECK(fields[1] == "[CLS] my card [SEP]");
  CHECK(Split(fields[0], ' ').size() == 4);
  CHECK(Split(lines[1], '\t')[1] == "[CLS] [SEP]");
}

TEST_CASE("tokenize: --json has every key of the contract, and ids name the pieces of the vocabulary") {
  const std::string text = "My card,\xc3\xa9 Caf\xc3\xa9!";
  const json object = SmxJson({"tokenize", ShippedModel(), "--json", text});
  const std::vector<std::string> vocabulary = SplitLines(smx::tests::ReadFile(ShippedFolder() + "/vocab.txt"));
  CHECK(object.at("text") == text);
  const size_t count = object.at("ids").size();
  REQUIRE(object.at("pieces").size() == count);
  REQUIRE(object.at("offsets").size() == count);
  REQUIRE(object.at("type_ids").size() == count);
  for (size_t i = 0; i < count; ++i) {
    CHECK(vocabulary.at(object["ids"][i].get<size_t>()) == object["pieces"][i]);
    CHECK(object["type_ids"][i] == 0);
  }
}

TEST_CASE("tokenize: offsets are bytes into the text") {
  const std::string text = "my \xe2\x82\xac card";
  const json object = SmxJson({"tokenize", ShippedModel(), "--json", "--no-special", text});
  REQUIRE(object.at("pieces") == json({"my", "\xe2\x82\xac", "card"}));
  CHECK(object.at("offsets") == json({{0, 2}, {3, 6}, {7, 11}}));
}

TEST_CASE("tokenize: --no-special leaves [CLS] and [SEP] away") {
  const json with = SmxJson({"tokenize", ShippedModel(), "--json", "my card"});
  const json without = SmxJson({"tokenize", ShippedModel(), "--json", "--no-special", "my card"});
  CHECK(with.at("ids").size() == without.at("ids").size() + 2);
  CHECK(with.at("ids")[1] == without.at("ids")[0]);
  CHECK(SmxLines({"tokenize", ShippedModel(), "--no-special", "my card"})[0].find('[') == std::string::npos);
}

TEST_CASE("tokenize: a text longer than the model reads is not truncated") {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "card ";
  const json object = SmxJson({"tokenize", ShippedModel(), "--json", text});
  CHECK(object.at("ids").size() == 1002);
  CHECK(object.at("offsets")[1000] == json({4995, 4999}));
}

TEST_CASE("tokenize: a special token typed in a text counts as such") {
  const json object = SmxJson({"tokenize", ShippedModel(), "--json", "--no-special", "my [MASK] [SEP]card"});
  CHECK(object.at("pieces") == json({"my", "[MASK]", "[SEP]", "card"}));
}

TEST_CASE("tokenize: a text in brackets is a text, not a list") {
  CHECK(SmxJson({"tokenize", ShippedModel(), "--json", "[MASK]"}).at("text") == "[MASK]");
  const std::vector<json> objects = SmxJsonLines({"tokenize", ShippedModel(), "--json", "[my, card]", "[]", "\1[a]"});
  REQUIRE(objects.size() == 3);
  CHECK(objects[0].at("text") == "[my, card]");
  CHECK(objects[1].at("text") == "[]");
  CHECK(objects[2].at("text") == "\1[a]");
}

TEST_CASE("tokenize: --jsonl takes a pair, whose tokens have type 1") {
  const std::string input = R"({"text": "my card", "text_pair": "card"})"
                            "\n"
                            R"({"text": "a\nb"})"
                            "\n";
  const std::vector<json> objects =
      SmxJsonLines({"tokenize", ShippedModel(), "--jsonl", "--json", "--input", "-"}, input);
  REQUIRE(objects.size() == 2);
  CHECK(objects[0].at("pieces") == json({"[CLS]", "my", "card", "[SEP]", "card", "[SEP]"}));
  CHECK(objects[0].at("type_ids") == json({0, 0, 0, 0, 1, 1}));
  CHECK(objects[0].at("offsets")[4] == json({0, 4}));
  CHECK(objects[1].at("text") == "a\nb");
  CHECK(SmxLines({"tokenize", ShippedModel(), "--jsonl", "--input", "-"}, input).size() == 2);
}

TEST_CASE("tokenize: --input reads a file or stdin, blank lines too") {
  const TemporaryFolder folder;
  const std::string texts = "my card\n\nPIN";
  const std::vector<std::string> lines =
      SmxLines({"tokenize", ShippedModel(), "--input", folder.Write("t.txt", texts)});
  CHECK(lines == SmxLines({"tokenize", ShippedModel(), "my card", "", "PIN"}));
  CHECK(lines == SmxLines({"tokenize", ShippedModel(), "--input", "-"}, texts));
}

TEST_CASE("tokenize: the program's own lines are read by their line feeds alone") {
  // A carriage return is white space to a BertNormalizer: the ids are the same, and the text keeps it.
  const std::vector<json> objects =
      SmxJsonLines({"tokenize", ShippedModel(), "--json", "--input", "-"}, "PIN\r\nPIN\n");
  REQUIRE(objects.size() == 2);
  CHECK(objects[0].at("ids") == objects[1].at("ids"));
}

TEST_CASE("tokenize: a model without a tokenizer is not supported") {
  const TemporaryFolder folder;
  CheckRefused(RunSmx({"tokenize", GoldenModel(folder, "linear"), "a"}), 4, {"linear.smx", "tokenizer"});
}

TEST_CASE("tokenize: usage errors are exit code 2, and help holds examples") {
  CheckRefused(RunSmx({"tokenize"}), 2, {"model"});
  CheckRefused(RunSmx({"tokenize", ShippedModel()}), 2, {"--input"});
  CheckRefused(RunSmx({"tokenize", ShippedModel(), "a", "--input", "-"}), 2, {"--input"});
  CheckRefused(RunSmx({"tokenize", ShippedModel(), "a", "--nonsense"}), 2, {"--nonsense"});
  const std::string help = SmxOut({"tokenize", "--help"});
  for (const char* word : {"Example", "smx tokenize model.smx", "--input", "--no-special", "--json"}) {
    CAPTURE(word);
    CHECK(Holds(help, word));
  }
}
