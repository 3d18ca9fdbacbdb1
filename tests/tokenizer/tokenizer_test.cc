#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "support/tokenizer_builder.h"
#include "tokenizer/tokenize_text.h"

using nlohmann::json;
using smx::Status;
using smx::TokenizeOptions;
using smx::testing::BuiltTokenizer;
using smx::testing::SmallVocabulary;
using smx::testing::Tokens;

// Golden lines come from Hugging Face's library; data/SOURCE.md says how.
namespace {

const std::string kData = std::string(SMX_TESTS_DIR) + "/tokenizer/data/";

std::vector<json> ReadLines(const std::string& name) {
  std::ifstream file(kData + name);
  std::vector<json> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(json::parse(line));
  return lines;
}

const BuiltTokenizer& MiniLm() {
  static const BuiltTokenizer tokenizer(smx::tools::CompileTokenizerJson(kData + "minilm_wordpiece_tokenizer.json"));
  return tokenizer;
}

void CheckIds(const BuiltTokenizer& tokenizer, const std::string& text, const json& line) {
  CAPTURE(text);
  CHECK(tokenizer.Tokenize(text).ids == line.at("ids").get<std::vector<int32_t>>());
  if (!line.contains("ids_no_special")) return;
  TokenizeOptions options;
  options.add_special_tokens = false;
  CHECK(tokenizer.Tokenize(text, {}, options).ids == line.at("ids_no_special").get<std::vector<int32_t>>());
}

void CheckFile(const BuiltTokenizer& tokenizer, const std::string& name) {
  const std::vector<json> lines = ReadLines(name);
  REQUIRE(lines.size() == 274);
  for (const json& line : lines) CheckIds(tokenizer, line.at("text").get<std::string>(), line);
}

std::string BytesOfHex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2) bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}

/// Words of one letter, so that n letters are n tokens.
std::string Letters(size_t n) {
  std::string text;
  for (size_t i = 0; i < n; ++i) text += "a ";
  return text;
}

const BuiltTokenizer& LetterTokenizer() {
  static const BuiltTokenizer tokenizer(SmallVocabulary({"a"}));
  return tokenizer;
}

/// How many tokens of a text and of its pair stay, of n and m, in a buffer for `room` and the special ones.
std::pair<size_t, size_t> Kept(size_t n, size_t m, size_t room) {
  const Tokens tokens = LetterTokenizer().Tokenize(Letters(n), Letters(m), {}, room + 3);
  std::pair<size_t, size_t> kept = {0, 0};
  for (size_t i = 0; i < tokens.ids.size(); ++i) {
    if (tokens.ids[i] == 5) ++(tokens.type_ids[i] == 0 ? kept.first : kept.second);
  }
  CHECK(tokens.num_tokens_whole == n + m + 3);
  return kept;
}

}  // namespace

TEST_CASE("tokenizer: every golden line of a tokenizer.json") { CheckFile(MiniLm(), "minilm_wordpiece_hf.jsonl"); }

TEST_CASE("tokenizer: every golden line of a vocab.txt, lower case") {
  const BuiltTokenizer tokenizer(smx::tools::CompileVocabTxt(kData + "bert_base_uncased_vocab.txt", {}));
  CheckFile(tokenizer, "minilm_wordpiece_hf.jsonl");
}

TEST_CASE("tokenizer: every golden line of a vocab.txt, case and accents kept") {
  smx::tools::TokenizerSwitches switches;
  switches.lowercase = false;
  switches.strip_accents = false;
  const BuiltTokenizer tokenizer(smx::tools::CompileVocabTxt(kData + "bert_base_uncased_vocab.txt", switches));
  CheckFile(tokenizer, "bert_vocab_nolower.jsonl");
}

TEST_CASE("tokenizer: every golden line of pairs, whole and cut to 48") {
  const std::vector<json> lines = ReadLines("minilm_wordpiece_hf_pairs.jsonl");
  REQUIRE(lines.size() == 60);
  for (const json& line : lines) {
    const std::string text = line.at("text").get<std::string>();
    const std::string pair = line.at("text_pair").get<std::string>();
    CAPTURE(text);
    const Tokens whole = MiniLm().Tokenize(text, pair);
    CHECK(whole.ids == line.at("ids").get<std::vector<int32_t>>());
    CHECK(whole.type_ids == line.at("type_ids").get<std::vector<int32_t>>());
    const Tokens cut = MiniLm().Tokenize(text, pair, {}, 48);
    CHECK(cut.ids == line.at("ids_truncated_48").get<std::vector<int32_t>>());
    CHECK(cut.type_ids == line.at("type_ids_truncated_48").get<std::vector<int32_t>>());
    CHECK(cut.num_tokens_whole == whole.ids.size());
  }
}

TEST_CASE("tokenizer: every golden line of invalid UTF-8") {
  const std::vector<json> lines = ReadLines("minilm_wordpiece_hf_invalid_utf8.jsonl");
  REQUIRE(lines.size() == 22);
  for (const json& line : lines) CheckIds(MiniLm(), BytesOfHex(line.at("bytes_hex").get<std::string>()), line);
}

TEST_CASE("tokenizer: offsets of every golden line") {
  const std::vector<json> lines = ReadLines("wordpiece_offsets.jsonl");
  REQUIRE(lines.size() == 274);
  for (const json& line : lines) {
    const std::string text = line.at("text").get<std::string>();
    CAPTURE(text);
    const Tokens tokens = MiniLm().Tokenize(text);
    CHECK(tokens.ids == line.at("ids").get<std::vector<int32_t>>());
    CHECK(json(tokens.offsets) == line.at("offsets"));
  }
}

TEST_CASE("tokenizer: a text that is too long keeps its first tokens and [SEP]") {
  const Tokens tokens = LetterTokenizer().Tokenize(Letters(7), {}, {}, 5);
  CHECK(tokens.ids == std::vector<int32_t>{2, 5, 5, 5, 3});
  CHECK(tokens.num_tokens_whole == 9);
}

TEST_CASE("tokenizer: of a pair the longer text loses first, as the library has it") {
  CHECK(Kept(3, 3, 6) == std::make_pair(size_t{3}, size_t{3}));
  CHECK(Kept(9, 2, 6) == std::make_pair(size_t{4}, size_t{2}));
  CHECK(Kept(2, 9, 6) == std::make_pair(size_t{2}, size_t{4}));
  CHECK(Kept(9, 8, 7) == std::make_pair(size_t{4}, size_t{3}));
  CHECK(Kept(8, 9, 7) == std::make_pair(size_t{3}, size_t{4}));
  CHECK(Kept(9, 9, 7) == std::make_pair(size_t{3}, size_t{4}));
  CHECK(Kept(4, 4, 7) == std::make_pair(size_t{3}, size_t{4}));
  CHECK(Kept(9, 0, 7) == std::make_pair(size_t{7}, size_t{0}));
  CHECK(Kept(0, 9, 7) == std::make_pair(size_t{0}, size_t{7}));
  CHECK(Kept(9, 9, 0) == std::make_pair(size_t{0}, size_t{0}));
}

TEST_CASE("tokenizer: an empty pair is a pair, an absent one is none") {
  CHECK(LetterTokenizer().Tokenize("a", std::string_view("")).ids == std::vector<int32_t>{2, 5, 3, 3});
  CHECK(LetterTokenizer().Tokenize("a", {}).ids == std::vector<int32_t>{2, 5, 3});
  CHECK(LetterTokenizer().Tokenize("a", std::string_view("")).type_ids == std::vector<int32_t>{0, 0, 0, 1});
  CHECK(LetterTokenizer().Tokenize({}, {}).ids == std::vector<int32_t>{2, 3});
}

TEST_CASE("tokenizer: without special tokens a pair lies side by side, and no room is enough to count") {
  TokenizeOptions options;
  options.add_special_tokens = false;
  const Tokens tokens = LetterTokenizer().Tokenize("a a", "a", options);
  CHECK(tokens.type_ids == std::vector<int32_t>{0, 0, 1});
  const Tokens counted = LetterTokenizer().Tokenize("a a", "a", options, 0);
  CHECK(counted.status == Status::kOk);
  CHECK(counted.num_tokens_whole == 3);
}

TEST_CASE("tokenizer: buffers of another length are refused, absent ones are left out") {
  int32_t ids[8];
  int32_t type_ids[7];
  smx::TokenOffset offsets[7];
  smx::TokenizeResult result = {};
  const smx::TokenizerView& view = LetterTokenizer().view();
  const auto tokenize = [&](const smx::TokenBuffers& out) {
    return smx::TokenizeText(view, "a", {}, {}, out, {}, &result);
  };
  CHECK(tokenize({ids, type_ids, {}}) == Status::kInvalidArgument);
  CHECK(tokenize({ids, {}, offsets}) == Status::kInvalidArgument);
  CHECK(tokenize({ids, {}, {}}) == Status::kOk);
  CHECK(result.num_tokens == 3);
}

TEST_CASE("tokenizer: a capacity below the special tokens is refused") {
  CHECK(LetterTokenizer().Tokenize("a", {}, {}, 1).status == Status::kInvalidArgument);
  CHECK(LetterTokenizer().Tokenize("a", {}, {}, 2).status == Status::kOk);
  CHECK(LetterTokenizer().Tokenize("a", "a", {}, 2).status == Status::kInvalidArgument);
  CHECK(LetterTokenizer().Tokenize("a", "a", {}, 3).ids == std::vector<int32_t>{2, 3, 3});
}
