// --threads of the programs that answer texts: the bytes that one thread prints, in order, also behind an error;
// answers as texts arrive; no more memory than for the texts on the way; no program that waits for ever.

#include <csignal>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "output_file.h"
#include "support/models.h"
#include "support/programs.h"
#include "support/running_program.h"
#include "support/tiny_models.h"

using nlohmann::json;
using smx::tests::CheckRefused;
using smx::tests::Holds;
using smx::tests::ProcessResult;
using smx::tests::Row;
using smx::tests::RunningProgram;
using smx::tests::RunSmx;
using smx::tests::ShippedModel;
using smx::tests::ShippedRows;
using smx::tests::SplitLines;
using smx::tests::TemporaryFolder;

namespace {

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__) || defined(SMX_EMULATOR)
constexpr bool kHasOwnMemory = false;  // a sanitizer or an emulator wants much of its own
#else
constexpr bool kHasOwnMemory = true;
#endif

using Arguments = std::vector<std::string>;

/// Each with `end` behind it.
std::string TextsOf(const std::vector<Row>& rows, const std::string& end = "\n") {
  std::string texts;
  for (const Row& row : rows) texts += row.text + end;
  return texts;
}

/// Each text whole, with its neighbour, without, and a few times over: longer than the model reads.
std::string JsonLinesOf(const std::vector<Row>& rows) {
  std::string lines;
  for (size_t i = 0; i < rows.size(); ++i) {
    json line = {{"text", rows[i].text}};
    if (i % 3 == 1) line["text_pair"] = rows[i - 1].text;
    if (i % 5 == 2) line["text"] = rows[i].text + " " + rows[i - 1].text + " " + rows[i - 2].text + " " + rows[i].text;
    lines += line.dump() + "\n";
  }
  return lines;
}

Arguments With(Arguments arguments, const Arguments& more) {
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

ProcessResult ByOneThread(const Arguments& arguments, const std::string& input) {
  return RunSmx(With(arguments, {"--input", "-", "--threads", "1"}), input);
}

/// Runs the same by several threads; returns what one said.
ProcessResult CheckSameByThreads(const Arguments& arguments, const std::string& input) {
  CAPTURE(arguments);
  const ProcessResult one = ByOneThread(arguments, input);
  for (const Arguments& threads : {Arguments{"--threads", "2"}, Arguments{"--threads", "5"}, Arguments{}}) {
    CAPTURE(threads);
    const ProcessResult several = RunSmx(With(With(arguments, {"--input", "-"}), threads), input);
    CHECK(several.exit_code == one.exit_code);
    CHECK((several.out == one.out));
    CHECK((several.err == one.err));
  }
  return one;
}

std::string TinyModel(const TemporaryFolder& folder, const smx::tools::ModelContent& content) {
  const std::string path = folder.Path("tiny.smx");
  smx::tools::WriteWhole(path, smx::tools::SerializeModel(content, smx::tools::WeightsType::kF32));
  return path;
}

}  // namespace

TEST_CASE("threads: thousands of texts of a file are answered as by one thread, in order") {
  const TemporaryFolder folder;
  const std::vector<Row> rows = ShippedRows(1);
  const std::string file = folder.Write("texts.txt", TextsOf(rows));
  const Arguments arguments = {"classify", ShippedModel(), "--input", file};
  const ProcessResult one = RunSmx(With(arguments, {"--threads", "1"}));
  REQUIRE(one.exit_code == 0);
  const std::vector<std::string> lines = SplitLines(one.out);
  REQUIRE(lines.size() == rows.size());
  size_t num_in_place = 0;
  for (size_t i = 0; i < rows.size(); ++i) num_in_place += Holds(lines[i], "\t" + rows[i].text);
  CHECK(num_in_place == rows.size());
  CHECK(Holds(one.err, "texts.txt: line 659: 69 tokens"));
  for (const char* threads : {"2", "5"}) {
    CAPTURE(threads);
    const ProcessResult several = RunSmx(With(arguments, {"--threads", threads}));
    CHECK(several.exit_code == 0);
    CHECK((several.out == one.out));
    CHECK((several.err == one.err));
  }
}

TEST_CASE("threads: every way to print, lines of JSON, windows and thresholds are the same by 1, 2 and 5 threads") {
  const std::string texts = TextsOf(ShippedRows(25)) + "not \xff UTF-8\n\n";
  const std::string lines = JsonLinesOf(ShippedRows(25));
  const std::string& model = ShippedModel();
  CHECK(CheckSameByThreads({"classify", model, "--top", "3", "--threshold", "0.6"}, texts).exit_code == 0);
  CHECK(CheckSameByThreads({"classify", model, "--json", "--jsonl"}, lines).exit_code == 0);
  CHECK(CheckSameByThreads({"embed", model, "--normalize"}, texts).exit_code == 0);
  CHECK(CheckSameByThreads({"embed", model, "--json", "--jsonl"}, lines).exit_code == 0);
  std::string long_texts;
  for (const Row& row : ShippedRows(100)) long_texts += row.text + " " + TextsOf(ShippedRows(300), " ") + "\n";
  const ProcessResult windows = CheckSameByThreads({"classify", model, "--json", "--windows", "max"}, long_texts);
  CHECK(windows.exit_code == 0);
  CHECK(Holds(windows.err, " windows\n"));
}

TEST_CASE("threads: label, fill and tokenize print the same by any number") {
  const TemporaryFolder folder;
  std::string texts;
  for (size_t i = 0; i < 300; ++i) texts += std::string(i % 9, 'a') + "b [MASK] c\n";
  const std::string labels = TinyModel(folder, smx::tests::TinyTokenLabels());
  CHECK_FALSE(CheckSameByThreads({"label", labels, "--by", "token"}, texts).out.empty());
  const std::string masked = TinyModel(folder, smx::tests::TinyMasked());
  CHECK_FALSE(CheckSameByThreads({"fill", masked, "--top", "2"}, texts).out.empty());
  CHECK(SplitLines(RunSmx({"tokenize", masked, "--input", "-"}, texts).out).size() == 300);
}

TEST_CASE("threads: nothing, one text, and arguments") {
  const Arguments classify = {"classify", ShippedModel()};
  CHECK(CheckSameByThreads(classify, "").out.empty());
  CHECK(SplitLines(CheckSameByThreads(classify, "my card").out).size() == 1);
  CHECK(SplitLines(CheckSameByThreads(classify, "\n").out).size() == 1);
  const Arguments texts = {"my card", "my [MASK]", "not \xff UTF-8", "", "my card"};
  const ProcessResult one = RunSmx(With(With(classify, texts), {"--threads", "1"}));
  for (const char* threads : {"2", "5"}) {
    const ProcessResult several = RunSmx(With(With(classify, texts), {"--threads", threads}));
    CHECK(several.exit_code == 0);
    CHECK(several.out == one.out);
    CHECK(several.err == one.err);
  }
  CHECK(Holds(one.err, "argument 3: byte 5"));
}

TEST_CASE("threads: behind a line that cannot be read, or a text that cannot be answered, nothing is printed") {
  const std::vector<std::string> good = SplitLines(JsonLinesOf(ShippedRows(8)));  // 385
  constexpr size_t kBad = 300;
  for (const char* bad : {"{\"text\": 5}", "{\"text\": \"a\", \"text_pair\": \"b\"}"}) {
    CAPTURE(bad);
    std::string input;
    for (size_t i = 0; i < good.size(); ++i) {
      json line = json::parse(good[i]);
      line.erase("text_pair");
      input += (i == kBad ? bad : line.dump()) + "\n";
    }
    const ProcessResult one = CheckSameByThreads({"classify", ShippedModel(), "--jsonl", "--windows", "mean"}, input);
    CHECK(one.exit_code == 3);
    CHECK(SplitLines(one.out).size() == kBad);
    CHECK_FALSE(one.err.empty());
  }
}

TEST_CASE("threads: the first of two errors is the one that is reported") {
  std::string input;
  for (size_t i = 0; i < 40; ++i) input += "{\"text\": \"a\"}\n";
  input += "{\"text\": \"a\", \"text_pair\": \"b\"}\n{\"text\": \"a\"}\nno JSON\n";
  const ProcessResult one = CheckSameByThreads({"classify", ShippedModel(), "--jsonl", "--windows", "mean"}, input);
  CHECK(one.exit_code == 3);
  CHECK(Holds(one.err, "pair of texts"));
  CHECK_FALSE(Holds(one.err, "no JSON"));
}

TEST_CASE("threads: an answer comes before the next text is there, by any number of threads") {
  for (const Arguments& threads : {Arguments{}, Arguments{"--threads", "1"}, Arguments{"--threads", "2"}}) {
    CAPTURE(threads);
    for (const char* command : {"classify", "tokenize"}) {
      if (command == std::string("tokenize") && !threads.empty()) continue;
      CAPTURE(command);
      RunningProgram program("smx", With({command, ShippedModel(), "--input", "-"}, threads), "/dev/null");
      for (const char* text : {"my card", "PIN"}) {
        REQUIRE(program.Write(std::string(text) + "\n"));
        CHECK(program.ReadLine() + "\n" == RunSmx({command, ShippedModel(), text}).out);
      }
      program.CloseInput();
      CHECK(program.Wait() == 0);
    }
  }
}

TEST_CASE("threads: several texts at once are answered before more are there") {
  RunningProgram program("smx", {"classify", ShippedModel(), "--input", "-", "--threads", "3"}, "/dev/null");
  for (size_t round = 0; round < 3; ++round) {
    REQUIRE(program.Write("my card\nPIN\nmy card\nPIN\nhalf"));
    for (const char* text : {round == 0 ? "my card" : "halfmy card", "PIN", "my card", "PIN"}) {
      CHECK(Holds(program.ReadLine(), std::string("\t") + text));
    }
  }
  program.CloseInput();
  CHECK(Holds(program.ReadLine(), "\thalf"));
  CHECK(program.Wait() == 0);
}

TEST_CASE("threads: an error ends the program though its input stays open") {
  for (const char* threads : {"1", "2", "5"}) {
    for (const char* bad : {"no JSON\n", "{\"text\": \"a\", \"text_pair\": \"b\"}\n"}) {
      CAPTURE(threads);
      CAPTURE(bad);
      RunningProgram program(
          "smx", {"classify", ShippedModel(), "--input", "-", "--jsonl", "--windows", "mean", "--threads", threads},
          "/dev/null");
      REQUIRE(program.Write(std::string("{\"text\": \"a\"}\n") + bad));
      CHECK(program.Wait() == 3);
      CHECK(Holds(program.ReadLine(), "\ta"));
    }
  }
}

TEST_CASE("threads: an endless input ends where the output does") {
  const TemporaryFolder folder;
  const std::string model = TinyModel(folder, smx::tests::TinyLinear());
  const auto write_until_it_ends = [](RunningProgram* program) {
    std::string lines;
    for (size_t i = 0; i < 1000; ++i) lines += "ab c\n";
    for (size_t i = 0; i < 1000; ++i) {
      if (!program->Write(lines)) return true;
    }
    return false;
  };
  for (const char* threads : {"1", "2", "5"}) {
    CAPTURE(threads);
    const Arguments arguments = {"classify", model, "--input", "-", "--threads", threads};
    const std::string err = folder.Write("stderr", "");
    RunningProgram full("smx", arguments, err, "/dev/full");
    CHECK(write_until_it_ends(&full));
    CHECK(full.Wait() == 5);
    CHECK(smx::tests::ReadFile(err) == "smx: stdout: cannot write\n");
    RunningProgram closed("smx", arguments, "/dev/null");
    closed.CloseOutput();
    CHECK(write_until_it_ends(&closed));
    CHECK(closed.Wait() == 128 + SIGPIPE);
  }
}

TEST_CASE("threads: memory is bounded, however many large texts come") {
  const TemporaryFolder folder;
  const std::string model = TinyModel(folder, smx::tests::TinyLinear());
  RunningProgram program("smx", {"classify", model, "--input", "-", "--threads", "5"}, "/dev/null", "/dev/null");
  const std::string text = std::string(1'000'000, 'a') + "\n";
  for (size_t i = 0; i < (kHasOwnMemory ? 200 : 20); ++i) REQUIRE(program.Write(text));
  program.CloseInput();
  CHECK(program.Wait() == 0);
  if (kHasOwnMemory) CHECK(program.peak_kb() < 100'000);
}

TEST_CASE("threads: without one more thread the exit code is 5, and one text needs none") {
  if (!kHasOwnMemory) return;
  const TemporaryFolder folder;
  const std::string input = folder.Write("texts.txt", "a\nb\nc\n");
  const auto run = [&](const std::string& flags) {
    // Threads get stacks of the size that the shell says.
    const std::string command = "ulimit -s 1000000; ulimit -v 900000; exec \"" + std::string(SMX_BIN_DIR) +
                                "/smx\" classify \"" + ShippedModel() + "\" " + flags;
    return smx::tests::RunProgram("/bin/sh", {"-c", command});
  };
  CheckRefused(run("--threads 3 --input \"" + input + "\""), 5, {"thread 1 of 3", "--threads 1"});
  CHECK(run("--threads 1 --input \"" + input + "\"").exit_code == 0);
  CHECK(run("a").exit_code == 0);
}
