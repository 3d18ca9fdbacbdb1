// Bad model files and bad texts through smx: the exit code, a message that names place and rule, nothing left behind.

#include <doctest/doctest.h>

#include <filesystem>

#include "file_format.h"
#include "schema/model_generated.h"
#include "support/models.h"
#include "support/programs.h"

using nlohmann::json;
using smx::tests::CheckRefused;
using smx::tests::Holds;
using smx::tests::ProcessResult;
using smx::tests::ReadFile;
using smx::tests::RunProgram;
using smx::tests::RunSmx;
using smx::tests::ShippedFolder;
using smx::tests::ShippedModel;
using smx::tests::SmxJson;
using smx::tests::TemporaryFolder;

namespace {

/// Every command that reads a model, with whatever else it needs.
std::vector<std::vector<std::string>> CommandsOn(const std::string& model, const std::string& output) {
  return {{"classify", model, "a"},
          {"tokenize", model, "a"},
          {"evaluate", model, ShippedFolder() + "/test.tsv"},
          {"bench", model, "--repeat", "1", "--trace", output},
          {"inspect", model, "--html", output},
          {"run", model, "--input", smx::tests::GoldenIo("bert"), "--output", output}};
}

void CheckModelRefused(const TemporaryFolder& folder, const std::string& content, const std::string& word) {
  const std::string model = folder.Write("bad.smx", content);
  for (const auto& command : CommandsOn(model, folder.Path("output"))) {
    CAPTURE(command[0]);
    CheckRefused(RunSmx(command), 3, {"bad.smx", word});
  }
  CHECK(folder.List() == std::vector<std::string>{"bad.smx"});
}

std::string Flipped(std::string bytes, size_t at) {
  bytes[at] = static_cast<char>(bytes[at] ^ 0x20);
  return bytes;
}

/// The same ids as if U+FFFD stood where `bytes` are not UTF-8.
void CheckReadAsReplacement(const std::string& bytes, const std::string& as_if, const std::string& place) {
  CAPTURE(bytes);
  const ProcessResult result = RunSmx({"tokenize", ShippedModel(), "--json", "--input", "-"}, "a\n" + bytes + "\n");
  CAPTURE(result.err);
  REQUIRE(result.exit_code == 0);
  CHECK(Holds(result.err, "line 2"));
  CHECK(Holds(result.err, place));
  const json object = json::parse(smx::tests::SplitLines(result.out).at(1));
  CHECK(object.at("ids") == SmxJson({"tokenize", ShippedModel(), "--json", as_if}).at("ids"));
}

}  // namespace

TEST_CASE("bad model: truncated at any length") {
  const TemporaryFolder folder;
  const std::string whole = ReadFile(ShippedModel());
  CheckModelRefused(folder, whole.substr(0, whole.size() / 2), std::to_string(whole.size() / 2));
  for (const size_t size : {size_t{1}, size_t{7}, size_t{8}, size_t{127}, size_t{128}, size_t{129}, size_t{4096},
                            size_t{100000}, size_t{1000000}, whole.size() - 1}) {
    CAPTURE(size);
    const std::string model = folder.Write("bad.smx", whole.substr(0, size));
    CheckRefused(RunSmx({"inspect", model}), 3, {"bad.smx", std::to_string(size)});
  }
}

TEST_CASE("bad model: extended") {
  const TemporaryFolder folder;
  CheckModelRefused(folder, ReadFile(ShippedModel()) + "x", "file_bytes");
}

TEST_CASE("bad model: a flipped bit in the header, the metadata and every segment") {
  const TemporaryFolder folder;
  const std::string whole = ReadFile(ShippedModel());
  CheckModelRefused(folder, Flipped(whole, 0), "header");
  CheckModelRefused(folder, Flipped(whole, 33), "SHA-256");
  CheckModelRefused(folder, Flipped(whole, 100), "header");
  CheckModelRefused(folder, Flipped(whole, sizeof(smx::schema::FileHeader) + 50), "SHA-256");
  const auto* model = smx::schema::GetModel(whole.data() + sizeof(smx::schema::FileHeader));
  REQUIRE(model->segments()->size() > 1);
  for (const smx::schema::Segment* segment : *model->segments()) {
    CAPTURE(segment->offset());
    const size_t last = static_cast<size_t>(segment->offset() + segment->bytes() - 1);
    const std::string bad = folder.Write("bad.smx", Flipped(whole, last));
    CheckRefused(RunSmx({"classify", bad, "a"}), 3, {"bad.smx", "segment", std::to_string(segment->offset())});
  }
}

TEST_CASE("bad model: a newer major version is not supported, not damaged") {
  const TemporaryFolder folder;
  std::string bytes = ReadFile(ShippedModel());
  bytes[offsetof(smx::schema::FileHeader, format_major)] = 2;
  CheckRefused(RunSmx({"inspect", folder.Write("newer.smx", bytes)}), 4, {"newer.smx", "version", "2"});
}

TEST_CASE("bad model: empty, foreign, a folder, missing") {
  const TemporaryFolder folder;
  CheckModelRefused(folder, "", "0 bytes");
  CheckModelRefused(folder, "This is a text.\n", "bytes");
  CheckModelRefused(folder, std::string(1000, 'a'), "header");
  CheckModelRefused(folder, ReadFile(ShippedFolder() + "/model.safetensors"), "header");
  CheckModelRefused(folder, "\x89PNG\r\n\x1a\n" + std::string(1000, '\0'), "header");
  CheckModelRefused(folder, std::string(4096, '\0'), "header");
  CheckRefused(RunSmx({"inspect", ShippedFolder()}), 3, {ShippedFolder()});
  CheckRefused(RunSmx({"inspect", folder.Path("none.smx")}), 3, {"none.smx", "No such file"});
  CheckRefused(RunSmx({"inspect", ""}), 3, {});
}

TEST_CASE("bad model: a file that was sent as text") {
  const TemporaryFolder folder;
  std::string stripped;
  for (const char c : ReadFile(ShippedModel())) {
    if (c != '\r') stripped += c;
  }
  CheckModelRefused(folder, stripped, "header");
}

TEST_CASE("bad text: what is not UTF-8 is read as U+FFFD, and said with place and byte") {
  const std::string replaced = "\xef\xbf\xbd";
  CheckReadAsReplacement("my \xff card", "my " + replaced + " card", "0xff");
  CheckReadAsReplacement(
      "my\xff"
      "card",
      "my" + replaced + "card", "byte 3");
  CheckReadAsReplacement("\x80", replaced, "byte 1");
  CheckReadAsReplacement("card\xc3", "card" + replaced, "byte 5");                                 // cut short
  CheckReadAsReplacement("a\xc0\xaf z", "a" + replaced + replaced + " z", "0xc0");                 // overlong
  CheckReadAsReplacement("a\xed\xa0\x80 z", "a" + replaced + replaced + replaced + " z", "0xed");  // surrogate
  CheckReadAsReplacement("a\xf4\x90\x80\x80 z", "a" + replaced + " z", "0xf4");                    // beyond U+10FFFF
  CheckReadAsReplacement("[MASK\xff] card", "[MASK" + replaced + "] card", "0xff");
}

TEST_CASE("bad text: classify labels what is not UTF-8, and its JSON stays JSON") {
  const ProcessResult argument = RunSmx({"classify", ShippedModel(), "Where is my card\xff?", "--json"});
  CAPTURE(argument.err);
  REQUIRE(argument.exit_code == 0);
  CHECK(Holds(argument.err, "argument 1"));
  CHECK(Holds(argument.err, "0xff"));
  const json expected = SmxJson({"classify", ShippedModel(), "Where is my card\xef\xbf\xbd?", "--json"});
  CHECK(json::parse(argument.out).at("labels") == expected.at("labels"));
  CHECK(json::parse(argument.out).at("tokens") == expected.at("tokens"));
  const TemporaryFolder folder;
  const std::string input = folder.Write("texts.txt", "PIN\nbad \xfe text\nPIN\n");
  const ProcessResult lines = RunSmx({"classify", ShippedModel(), "--input", input});
  CHECK(lines.exit_code == 0);
  CHECK(smx::tests::SplitLines(lines.out).size() == 3);
  for (const char* word : {"texts.txt", "line 2", "byte 5", "0xfe"}) {
    CAPTURE(word);
    CHECK(Holds(lines.err, word));
  }
}

TEST_CASE("bad text: data.tsv that is not UTF-8 is exit code 3") {
  const TemporaryFolder folder;
  const std::string data = folder.Write("data.tsv", "text\tlabel\nfine\tage_limit\nbad \xff\tage_limit\n");
  CheckRefused(RunSmx({"evaluate", ShippedModel(), data}), 3, {"data.tsv", "line 3", "byte 5"});
  const std::string output = folder.Path("model.smx");
  CheckRefused(RunProgram("smx-quantize", {ShippedFolder() + "/model.safetensors", "-o", output, "--evaluate", data}),
               3, {"data.tsv", "line 3", "byte 5"});
  CHECK(folder.List() == std::vector<std::string>{"data.tsv"});
}

TEST_CASE("bad text: an empty text and one of white space are texts") {
  for (const char* text : {"", "   ", "\t", "\xe3\x80\x80"}) {
    CAPTURE(text);
    const json object = SmxJson({"classify", ShippedModel(), "--json", text});
    CHECK(object.at("tokens") == 2);
    CHECK(object.at("truncated") == false);
    CHECK(object.at("labels").size() == 1);
  }
  const json pair = SmxJson({"classify", ShippedModel(), "--json", "--jsonl", "--input", "-"},
                            "{\"text\": \"\", \"text_pair\": \"\"}\n");
  CHECK(pair.at("tokens") == 3);
}

TEST_CASE("bad text: 10 MB of it are truncated, and said to be") {
  const TemporaryFolder folder;
  std::string text;
  while (text.size() < 10'000'000) text += "card? ";
  const std::string input = folder.Write("long.txt", text + "\nPIN\n");
  const ProcessResult result = RunSmx({"classify", ShippedModel(), "--json", "--input", input});
  REQUIRE_MESSAGE(result.exit_code == 0, result.err.substr(0, 1000));
  CHECK(Holds(result.err, "long.txt"));
  CHECK(Holds(result.err, "line 1"));
  CHECK(Holds(result.err, "64"));
  const std::vector<std::string> lines = smx::tests::SplitLines(result.out);
  REQUIRE(lines.size() == 2);
  CHECK(json::parse(lines[0]).at("truncated") == true);
  CHECK(json::parse(lines[0]).at("tokens") == 64);
  CHECK(json::parse(lines[1]) == SmxJson({"classify", ShippedModel(), "--json", "PIN"}));
}

TEST_CASE("bad text: 10 MB without a space are one unknown word") {
  const TemporaryFolder folder;
  const std::string input = folder.Write("word.txt", std::string(10'000'000, 'x') + "\n");
  const json object = SmxJson({"classify", ShippedModel(), "--json", "--input", input});
  CHECK(object.at("tokens") == 3);
  CHECK(object.at("truncated") == false);
}

TEST_CASE("bad text: NUL bytes are no end of a text") {
  const std::string text = std::string("card\0card", 9);
  const json object = SmxJson({"tokenize", ShippedModel(), "--json", "--input", "-"}, text + "\n");
  CHECK(object.at("text") == text);
  CHECK(object.at("offsets")[object.at("offsets").size() - 2][1] == 9);
}

TEST_CASE("bad input: a file of texts that is missing or a folder is exit code 3") {
  const TemporaryFolder folder;
  for (const char* command : {"classify", "tokenize"}) {
    CAPTURE(command);
    CheckRefused(RunSmx({command, ShippedModel(), "--input", folder.Path("none.txt")}), 3, {"none.txt"});
    CheckRefused(RunSmx({command, ShippedModel(), "--input", folder.Path("")}), 3, {folder.Path("")});
  }
}

TEST_CASE("bad output: stdout that is full is exit code 5") {
  const std::string& model = ShippedModel();
  const TemporaryFolder folder;
  const std::string data = folder.Write("data.tsv", "text\tlabel\nPIN\tage_limit\n");
  const std::vector<std::vector<std::string>> commands = {{"classify", model, "a"},
                                                          {"classify", model, "a", "--json"},
                                                          {"tokenize", model, "a"},
                                                          {"evaluate", model, data},
                                                          {"bench", model, "--repeat", "1"},
                                                          {"inspect", model},
                                                          {"inspect", model, "--tensors"},
                                                          {"tokenize", model, "a", "--json"},
                                                          {"--help"},
                                                          {"classify", "--help"},
                                                          {"--version"}};
  for (const auto& command : commands) {
    CAPTURE(command);
    const ProcessResult result = RunProgram("smx", command, "", "/dev/full");
    CHECK(result.exit_code == 5);
    CHECK(Holds(result.err, "stdout"));
  }
  const std::string checkpoint = ShippedFolder() + "/model.safetensors";
  CHECK(RunProgram("smx-quantize", {checkpoint, "-o", "-"}, "", "/dev/full").exit_code == 5);
  CHECK(RunProgram("smx-quantize", {"--help"}, "", "/dev/full").exit_code == 5);
}
