// Allocation k fails, for every k, in whole programs: exit code 5 and a message, or 0 and the whole output; never a
// part of it, never an abort.

#include <doctest/doctest.h>

#include <cstdio>
#include <filesystem>

#include <sys/wait.h>

#include "support/full.h"
#include "support/heap.h"
#include "support/models.h"
#include "support/process.h"
#include "support/program_mains.h"
#include "support/tiny_models.h"

using smx::tests::CommandLine;
using smx::tests::Failing;
using smx::tests::ReadFile;
using smx::tests::RedirectedStream;
using smx::tests::TemporaryFolder;

namespace {

constexpr int kUncaught = 134;  // what the system makes of an exception that leaves main

/// A program in a folder of its own with the files that it reads.
struct Program {
  smx::tests::ProgramMain main;
  std::vector<std::string> arguments;
  std::string output;  // path of the file that it writes, or empty
};

struct Expected {
  size_t num_files;  // of the folder, without the output
  std::string output;
};

/// What is wrong with a child that ended so, or nothing. An output may be there that the parent, or a child that needed
/// no more memory, had written; it is whole.
std::string Fault(const Program& program, const TemporaryFolder& folder, const Expected& expected, int wait_status,
                  const std::string& words) {
  if (!WIFEXITED(wait_status)) return "ended by signal " + std::to_string(WTERMSIG(wait_status));
  const int code = WEXITSTATUS(wait_status);
  const bool has_output = !program.output.empty() && std::filesystem::exists(program.output);
  if (code == 0 && !program.output.empty() && !has_output) return "exit code 0 without an output";
  if (has_output && ReadFile(program.output) != expected.output) return "a part of the output";
  if (code != 0 && code != 5) return "exit code " + std::to_string(code) + ": " + words;
  if (code == 5 && words.find("emory") == std::string::npos) return "no word of memory: " + words;
  if (folder.List().size() != expected.num_files + (has_output ? 1 : 0)) return "a file was left behind";
  return "";
}

void CheckEveryAllocation(const Program& program, const TemporaryFolder& folder, size_t stride) {
  const TemporaryFolder streams;
  std::vector<std::string> arguments = program.arguments;
  arguments.insert(arguments.begin(), "program");
  CommandLine command(program.main, arguments);
  Expected expected = {folder.List().size(), ""};
  std::vector<std::string> faults;
  size_t num_refused = 0, num_children = 0;
  const auto run = [&](Failing failing) {
    const RedirectedStream out(1, streams.Path("stdout"));
    const RedirectedStream err(2, streams.Path("stderr"));
    size_t words_before = 0;
    const auto after = [&](size_t k, int wait_status) {
      const std::string words = ReadFile(streams.Path("stderr"));
      const std::string fault = Fault(program, folder, expected, wait_status, words.substr(words_before));
      words_before = words.size();
      if (!fault.empty()) faults.push_back("allocation " + std::to_string(k) + ": " + fault);
      if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 5) ++num_refused;
    };
    int code = -1;
    num_children += smx::tests::ForkAtAllocations(stride, failing, after, [&] {
      try {
        code = command.Run();
      } catch (...) {
        code = kUncaught;
      }
      if (smx::tests::IsHeapChild()) _exit(code);
    });
    return code;
  };
  {
    const RedirectedStream out(1, streams.Path("stdout"));
    const RedirectedStream err(2, streams.Path("stderr"));
    REQUIRE(command.Run() == 0);
  }
  if (!program.output.empty()) {
    expected.output = ReadFile(program.output);
    std::filesystem::remove(program.output);
  }
  for (const Failing failing : {Failing::kOnce, Failing::kFromThereOn}) {
    CHECK(run(failing) == 0);
    if (!program.output.empty()) {
      CHECK(ReadFile(program.output) == expected.output);
      std::filesystem::remove(program.output);
    }
  }
  MESSAGE(program.arguments[0] << ": " << num_children << " children, " << num_refused << " with exit code 5");
  CHECK(num_refused > num_children / 2);
  for (const std::string& fault : faults) FAIL_CHECK(fault);
}

/// Some of the allocations, or all.
size_t Stride(size_t usual) { return smx::tests::IsFullTest() ? 1 : usual; }

std::string WriteModel(const TemporaryFolder& folder, const smx::tools::ModelContent& content) {
  const std::vector<uint8_t> bytes = SerializeModel(content, smx::tools::WeightsType::kInt8);
  return folder.Write("tiny.smx", std::string(bytes.begin(), bytes.end()));
}

}  // namespace

TEST_CASE("out of memory: smx-quantize, from configuration, checkpoint and vocabulary to the file") {
  const TemporaryFolder folder;
  const std::string golden = smx::tests::GoldenFolder("sparse_mixer");
  std::string vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n";
  for (int i = 4; i < 200; ++i) vocabulary += "piece" + std::to_string(i) + "\n";
  const std::string output = folder.Path("model.smx");
  CheckEveryAllocation(
      {QuantizeMain,
       {golden + "/params.safetensors", "-o", output, "--tokenizer", folder.Write("vocab.txt", vocabulary)},
       output},
      folder, Stride(97));
}

TEST_CASE("out of memory: smx-quantize reading a tokenizer.json and measuring accuracy") {
  const TemporaryFolder folder;
  const std::string shipped = smx::tests::ShippedFolder();
  const std::string data = folder.Write("data.tsv", "text\tlabel\nWhere is my card?\tcard_arrival\n");
  const std::string output = folder.Path("model.smx");
  CheckEveryAllocation(
      {QuantizeMain, {shipped + "/model.safetensors", "-o", output, "--evaluate", data, "--json"}, output}, folder,
      Stride(797));
}

TEST_CASE("out of memory: smx label") {
  const TemporaryFolder folder;
  const std::string model = WriteModel(folder, smx::tests::TinyTokenLabels());
  const std::string lines = folder.Write("lines.jsonl", "{\"text\": \"ab c\", \"text_pair\": \"c\"}\n");
  CheckEveryAllocation({SmxMain, {"label", model, "--input", lines, "--jsonl", "--json"}, ""}, folder, Stride(11));
}

TEST_CASE("out of memory: smx classify, tokenize, inspect and bench") {
  const TemporaryFolder folder;
  const std::string model = WriteModel(folder, smx::tests::TinyLinear());
  const std::string page = folder.Path("page.html");
  const std::string trace = folder.Path("trace.json");
  const std::string lines = folder.Write("lines.jsonl", "{\"text\": \"ab c\", \"text_pair\": \"c\"}\n");
  CheckEveryAllocation({SmxMain, {"classify", model, "--input", lines, "--jsonl", "--json"}, ""}, folder, Stride(11));
  CheckEveryAllocation({SmxMain, {"tokenize", model, "ab c"}, ""}, folder, Stride(11));
  CheckEveryAllocation({SmxMain, {"inspect", model, "--html", page}, page}, folder, Stride(31));
}
