// Checkpoints, configurations, vocabularies and data that were made to hurt: each is an Error with the exit code of bad
// input, soon, without much memory and without a deep stack.

#include <doctest/doctest.h>

#include <sys/resource.h>

#include <functional>
#include <limits>
#include <string>

#include "error.h"
#include "model_config.h"
#include "safetensors.h"
#include "schema/model_generated.h"
#include "support/process.h"
#include "tokenizer/check.h"
#include "tokenizer_compiler.h"
#include "tokenizer_format.h"
#include "tsv.h"

using smx::tests::TemporaryFolder;
using smx::tools::Error;
using smx::tools::ExitCode;

namespace {

void CheckFails(const std::string& words, const std::function<void()>& call, ExitCode code = ExitCode::kBadInput) {
  CAPTURE(words);
  try {
    call();
    FAIL_CHECK("nothing was thrown");
  } catch (const Error& error) {
    CAPTURE(std::string(error.what()));
    CHECK(error.code() == code);
    CHECK(std::string(error.what()).find(words) != std::string::npos);
    CHECK(std::string(error.what()).size() < 1000);
  }
}

std::vector<uint8_t> RawSafetensors(uint64_t announced, const std::string& header, size_t data_bytes) {
  std::vector<uint8_t> file;
  for (int i = 0; i < 8; ++i) file.push_back(static_cast<uint8_t>(announced >> (8 * i)));
  file.insert(file.end(), header.begin(), header.end());
  file.resize(file.size() + data_bytes);
  return file;
}

smx::tools::ArrayMap ReadBytes(const char* name, std::vector<uint8_t> bytes) {
  return smx::tools::ReadSafetensors(smx::tools::InputFile(name, std::move(bytes)));
}

void CheckHeaderFails(const char* words, const std::string& header, size_t data_bytes) {
  CheckFails(words, [&] { ReadBytes("bad", RawSafetensors(header.size(), header, data_bytes)); });
}

std::string Entry(const std::string& name, const std::string& shape, size_t begin, size_t end) {
  return "\"" + name + R"(": {"dtype": "U8", "shape": )" + shape + R"(, "data_offsets": [)" + std::to_string(begin) +
         ", " + std::to_string(end) + "]}";
}

std::string Nested(size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

/// The most memory that this process has had, in bytes.
size_t PeakBytes() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<size_t>(usage.ru_maxrss) * 1024;
}

/// A million levels, and one more than are allowed.
constexpr size_t kDepths[] = {1000000, 65};

constexpr char kConfig[] = R"("vocab_size": 9, "type_vocab_size": 2, "max_seq_length": 8, "d_model": 8, "d_ff": 8,
"num_heads": 2, "n_classes": 2, "num_layers": 1, "model_arch": "LINEAR")";

void CheckConfigFails(const char* words, const std::string& json) {
  const TemporaryFolder folder;
  const std::string path = folder.Write("config.json", json);
  CheckFails(words, [&] { smx::tools::ReadModelConfig(path, {}); });
}

void CheckVocabularyFails(const char* words, const std::string& content, ExitCode code = ExitCode::kBadInput) {
  CheckFails(
      words, [&] { smx::tools::CompilePieces("vocab.txt", content); }, code);
}

constexpr char kSpecial[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n";

}  // namespace

TEST_CASE("hostile safetensors: a header that lies about its length") {
  const std::string header = "{}";
  for (const uint64_t announced :
       {uint64_t{0}, uint64_t{1}, uint64_t{3}, uint64_t{100'000'001}, uint64_t{1} << 63, ~uint64_t{0}, ~uint64_t{7}}) {
    CAPTURE(announced);
    CheckFails("bad", [&] { ReadBytes("bad", RawSafetensors(announced, header, 0)); });
  }
  for (size_t size = 0; size < 8; ++size) {
    CheckFails("bytes", [&] { ReadBytes("bad", std::vector<uint8_t>(size)); });
  }
}

TEST_CASE("hostile safetensors: arrays that overlap ask for no more memory than the file has") {
  // A thousand arrays that each claim the whole megabyte.
  constexpr size_t kBytes = 1 << 20;
  std::string header = "{" + Entry("a", "[1048576]", 0, kBytes);
  for (int i = 0; i < 1000; ++i) header += ", " + Entry("b" + std::to_string(i), "[1048576]", 0, kBytes);
  const size_t before = PeakBytes();
  CheckHeaderFails("the array before it ends at", header + "}", kBytes);
  CHECK(PeakBytes() - before < 100 * kBytes);
}

TEST_CASE("hostile safetensors: holes, shapes beyond 64 bits, and arrays of nothing") {
  CheckHeaderFails("begins at 1", "{" + Entry("a", "[3]", 1, 4) + "}", 4);
  CheckHeaderFails("arrays end at 3 of 4", "{" + Entry("a", "[3]", 0, 3) + "}", 4);
  CheckHeaderFails("too large", "{" + Entry("a", "[4294967296, 4294967296]", 0, 4) + "}", 4);
  CheckHeaderFails("too large", "{" + Entry("a", "[9223372036854775808, 2]", 0, 4) + "}", 4);
  CheckHeaderFails("must be a number", "{" + Entry("a", "[-1]", 0, 4) + "}", 4);
  CheckHeaderFails("must be a number", "{" + Entry("a", "[18446744073709551616]", 0, 4) + "}", 4);
  CheckHeaderFails("must be a number", "{" + Entry("a", "[1e3]", 0, 4) + "}", 4);
  const std::string most = std::to_string(std::numeric_limits<size_t>::max());
  const std::string header = "{" + Entry("a", "[0, " + most + ", " + most + "]", 0, 0) + "}";
  const auto arrays = ReadBytes("bad", RawSafetensors(header.size(), header, 0));
  CHECK(arrays.at("a").NumValues() == 0);
}

TEST_CASE("hostile safetensors: a hundred thousand keys are read in no more than their time, a repeated one refused") {
  std::string header = "{" + Entry("a", "[0]", 0, 0);
  for (int i = 0; i < 100000; ++i) header += ", " + Entry("b" + std::to_string(i), "[0]", 0, 0);
  CHECK(ReadBytes("many", RawSafetensors(header.size() + 1, header + "}", 0)).size() == 100001);
  CheckHeaderFails("\"a\" occurs twice", header + ", " + Entry("a", "[0]", 0, 0) + "}", 0);
}

TEST_CASE("hostile JSON: what is nested too deep is refused, not followed down the stack") {
  for (const size_t depth : kDepths) {
    const std::string nested = Nested(depth);
    CheckHeaderFails("nested", "{\"a\": " + nested + "}", 0);
    CheckConfigFails("nested", "{\"d_model\": " + nested + "}");
    CheckConfigFails("nested", nested);
    const TemporaryFolder folder;
    const std::string labels = folder.Write("labels.json", nested);
    CheckFails("nested", [&] { smx::tools::ReadLabels(labels); });
    const std::string tokenizer = folder.Write("tokenizer.json", "{\"normalizer\": " + nested + "}");
    CheckFails("nested", [&] { smx::tools::CompileTokenizerJson(tokenizer); });
  }
  // As deep as is allowed: printed in a message, and short.
  CheckConfigFails("d_model is [[[", "{" + std::string(kConfig) + ", \"d_model\": " + Nested(60) + "}");
}

TEST_CASE("hostile config.json: hundreds of thousands of keys and labels, NUL bytes, values of a megabyte") {
  const std::string config = "{" + std::string(kConfig);
  std::string keys;
  for (int i = 0; i < 200000; ++i) keys += ", \"k" + std::to_string(i) + "\": 0";
  const TemporaryFolder folder;
  const std::string many = folder.Write("many.json", config + keys + "}");
  CHECK(smx::tools::ReadModelConfig(many, {}).unknown_keys.size() == 200000);
  std::string labels = "\"l0\"";
  for (int i = 1; i < 200000; ++i) labels += ", \"l" + std::to_string(i) + "\"";
  CheckConfigFails("200000 labels for n_classes 2", config + ", \"labels\": [" + labels + "]}");
  CheckConfigFails("control character", config + ", \"labels\": [\"a\\u0000\", \"b\"]}");
  CheckConfigFails("not JSON", config + std::string(1, '\0') + "}");
  CheckConfigFails("d_ff is \"xxx", config + ", \"d_ff\": \"" + std::string(1 << 20, 'x') + "\"}");
}

TEST_CASE(
    "hostile vocabulary: hundreds of thousands of pieces and pieces of NUL bytes are sound, but not ones that share a "
    "hash") {
  std::string content = kSpecial;
  for (int i = 0; i < 300000; ++i) content += std::to_string(i) + "\n";
  CHECK(smx::tools::CompilePieces("vocab.txt", content).num_pieces() == 300004);
  const std::string with_nul = kSpecial + std::string("a\0b\n\0\n", 6);
  CHECK(smx::tools::CompilePieces("vocab.txt", with_nul).num_pieces() == 6);
  CheckVocabularyFails("must not occur twice", with_nul + std::string("\0\n", 2));
  std::string colliding = kSpecial;
  constexpr uint32_t kLowBits = (1u << 14) - 1;  // more than the largest index that is tried has
  for (int i = 0, found = 0; found < 1000; ++i) {
    const std::string piece = "p" + std::to_string(i);
    if ((smx::schema::ContinueHash(smx::schema::kHashStart, piece.data(), piece.size()) & kLowBits) != 0) continue;
    colliding += piece + "\n";
    ++found;
  }
  CheckVocabularyFails("share a hash", colliding, ExitCode::kUnsupported);
}

TEST_CASE("hostile tokenizer.json: a number that only looks small when it is cut to 32 bits") {
  const TemporaryFolder folder;
  for (const char* number : {"4294967396", "-4294967196", "18446744073709551715", "100.5", "0", "-1", "101"}) {
    CAPTURE(number);
    const std::string path = folder.Write(
        "tokenizer.json", R"({"normalizer": {"type": "BertNormalizer",
      "clean_text": true, "handle_chinese_chars": true, "lowercase": true},
      "pre_tokenizer": {"type": "BertPreTokenizer"},
      "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]}, "model":
      {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": )" +
                              std::string(number) + R"(, "vocab": {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3}}})");
    CheckFails(
        "max_input_chars_per_word", [&] { smx::tools::CompileTokenizerJson(path); }, ExitCode::kUnsupported);
  }
}

TEST_CASE("hostile data.tsv: a million columns, NUL bytes, a line of many megabytes") {
  const TemporaryFolder folder;
  const std::string columns(1000000, '\t');
  const std::string wide = folder.Write("wide.tsv", columns + "\n" + columns + "\n");
  CheckFails("no column \"text\"", [&] { smx::tools::ReadTsv(wide, {}); });
  const std::string narrow = folder.Write("narrow.tsv", "text\tlabel\n" + columns + "\n");
  CheckFails("1000001 columns, the header has 2", [&] { smx::tools::ReadTsv(narrow, {}); });
  const std::string text = std::string("a\0b", 3) + std::string(10 << 20, 'x');
  const auto texts = smx::tools::ReadTsv(folder.Write("long.tsv", "text\tlabel\n" + text + "\t1\n"), {});
  REQUIRE(texts.size() == 1);
  CHECK(texts[0].text == text);
  CheckFails("neither a name", [&] { smx::tools::ClassOf("99999999999999999999", {}, 2, "place"); });
  CheckFails("neither a name", [&] { smx::tools::ClassOf("-1", {}, 2, "place"); });
}
