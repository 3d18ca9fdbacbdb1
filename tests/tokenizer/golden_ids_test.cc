// SentencePiece models and byte-level BPE against ids of the genuine libraries; data/SOURCE.md says how they were made.

#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/tokenizer_builder.h"
#include "support/unigram_json.h"
#include "tokenizer/check.h"

using nlohmann::json;
using smx::testing::BuiltTokenizer;
using smx::testing::Tokens;

namespace {

const std::string kData = std::string(SMX_TESTS_DIR) + "/tokenizer/data/";

std::vector<json> ReadLines(const std::string& name) {
  std::ifstream file(kData + name);
  std::vector<json> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(json::parse(line));
  return lines;
}

std::string BytesOfHex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2) bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}

/// The text of a line of NAME_ids.jsonl.
std::string TextOf(const json& line) {
  static const std::vector<json> texts = ReadLines("minilm_wordpiece_hf.jsonl");
  static const std::vector<json> invalid = ReadLines("minilm_wordpiece_hf_invalid_utf8.jsonl");
  if (line.contains("line")) return texts.at(line.at("line").get<size_t>()).at("text");
  return BytesOfHex(invalid.at(line.at("invalid").get<size_t>()).at("bytes_hex"));
}

/// Offsets do not fall, and lie in the text.
void CheckOffsets(const Tokens& tokens, const std::string& text) {
  std::pair<uint32_t, uint32_t> last = {0, 0};
  for (const auto& offset : tokens.offsets) {
    CHECK(offset.first <= offset.second);
    CHECK(offset.first >= last.first);
    CHECK(offset.second >= last.second);
    last = offset;
  }
  CHECK(last.second <= text.size());
}

void CheckEveryLine(const smx::tools::CompiledTokenizer& compiled, const std::string& name) {
  const BuiltTokenizer tokenizer(compiled);
  REQUIRE(smx::CheckTokenizer(tokenizer.view(), tokenizer.view().num_pieces(), smx::Log()) == smx::Status::kOk);
  const std::vector<json> lines = ReadLines(name + "_ids.jsonl");
  REQUIRE(lines.size() == 256);
  for (const json& line : lines) {
    const std::string text = TextOf(line);
    CAPTURE(text);
    const Tokens tokens = tokenizer.Tokenize(text);
    CHECK(json(tokens.ids) == line.at("ids"));
    CheckOffsets(tokens, text);
  }
}

void CheckEveryLine(const std::string& model, const std::string& name) {
  CheckEveryLine(smx::tools::CompileTokenizer(kData + model, {}), name);
}

void CheckJson(bool with_steps, const std::string& name) {
  CheckEveryLine(
      smx::testing::CompileJson(smx::testing::UnigramJsonOf(kData + "spm_test_unigram_1000.model", with_steps)), name);
}

}  // namespace

TEST_CASE("golden ids: every golden line of a Unigram tokenizer.json that reads clusters, as T5's") {
  CheckJson(false, "unigram_clusters");
}

TEST_CASE("golden ids: every golden line of a Unigram tokenizer.json that decomposes and strips, as ALBERT's") {
  CheckJson(true, "unigram_steps");
}

TEST_CASE("golden ids: every golden line of a Unigram model with a character map, invalid UTF-8 too") {
  CheckEveryLine("spm_test_unigram_1000.model", "spm_test_unigram_1000");
}

TEST_CASE("golden ids: every golden line of a BPE model with byte fallback, invalid UTF-8 too") {
  CheckEveryLine("bpe_small.model", "bpe_small");
}

TEST_CASE("golden ids: every golden line of byte-level BPE, and invalid UTF-8 as U+FFFD per maximal subpart") {
  CheckEveryLine("byte_bpe_small_tokenizer.json", "byte_bpe_small");
}
