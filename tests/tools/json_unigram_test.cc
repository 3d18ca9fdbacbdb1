#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "error.h"
#include "support/tokenizer_builder.h"
#include "support/unigram_json.h"

using nlohmann::json;
using smx::testing::CompileJson;
using smx::testing::TinyUnigramJson;
using smx::tools::ExitCode;

namespace {

void CheckFails(const json& root, ExitCode code, const std::string& words) {
  try {
    CompileJson(root);
    FAIL("no error: " << words);
  } catch (const smx::tools::Error& error) {
    CAPTURE(error.what());
    CHECK(error.code() == code);
    CHECK(std::string(error.what()).find("t.json: ") == 0);
    CHECK(std::string(error.what()).find(words) != std::string::npos);
  }
}

json With(const char* pointer, const json& value) {
  json root = TinyUnigramJson();
  root[json::json_pointer(pointer)] = value;
  return root;
}

json Steps(const std::vector<json>& steps) {
  return With("/normalizer", {{"type", "Sequence"}, {"normalizers", steps}});
}

json Step(const char* type) { return {{"type", type}}; }

json Replace(const char* kind, const char* pattern, const char* content) {
  return {{"type", "Replace"}, {"pattern", {{kind, pattern}}}, {"content", content}};
}

const json kPrecompiled = {{"type", "Precompiled"}, {"precompiled_charsmap", "BAAAAAAAAAAA"}};

}  // namespace

TEST_CASE("json unigram: pieces in the order of the file, with their scores") {
  const auto compiled = CompileJson(TinyUnigramJson());
  CHECK(compiled.kind == smx::schema::TokenizerKind_UNIGRAM);
  CHECK(compiled.reading.rule == smx::schema::ReadingRule_METASPACE);
  CHECK(compiled.segmentation.double_scores == std::vector<double>{0, -2.5, -3.25});
  CHECK(compiled.segmentation.unk_score == -13.25);
  const smx::testing::BuiltTokenizer tokenizer(compiled);
  CHECK(tokenizer.Pieces("a xy a") == "\u2581 a \u2581 <unk> \u2581 a");
}

TEST_CASE("json unigram: scores are what the library's JSON reader makes of them, its rounding errors too") {
  const auto score = [](double value) {
    return CompileJson(With("/model/vocab/2/1", value)).segmentation.double_scores[2];
  };
  // Its digits, an integer beyond 2^53, over 10^15: what tokenizers 0.23.3 writes again for piece 29,999 of ALBERT's.
  CHECK(score(-13.532299041748047) == -13532299041748047.0 / 1e15);
  CHECK(score(-13.532299041748047) != -13.532299041748047);
  CHECK(score(-2.012292861938477) == -2.012292861938477);
  CHECK(score(-7) == -7);
  CHECK(score(-1e5) == -1e5);
  CHECK(score(-0.001) == -0.001);
}

TEST_CASE("json unigram: steps of the normalizer are taken in one order") {
  const json quotes[] = {Replace("String", "``", "\""), Replace("String", "''", "\"")};
  const json spaces = Replace("Regex", " {2,}", " ");
  const auto whole =
      CompileJson(Steps({quotes[0], quotes[1], Step("NFKD"), Step("StripAccents"), Step("Lowercase"), spaces,
                         Step("NFKD"), Step("StripAccents"), Step("Lowercase"), kPrecompiled, spaces}));
  CHECK(whole.reading.joins_quotes);
  CHECK(whole.reading.charsmap.size() == 1);
  CHECK(whole.block_index.size() == smx::schema::kNumBlockIndexes);
  const auto map_only = CompileJson(With("/normalizer", kPrecompiled));
  CHECK_FALSE(map_only.reading.joins_quotes);
  CHECK(map_only.reading.charsmap.size() == 1);
  CHECK(map_only.block_index.empty());
  const ExitCode unsupported = ExitCode::kUnsupported;
  CheckFails(Steps({quotes[0]}), unsupported, "normalizer, step 0");
  CheckFails(Steps({quotes[1], quotes[0]}), unsupported, "normalizer, step 0");
  CheckFails(Steps({Step("NFKD")}), unsupported, "normalizer, step 0");
  CheckFails(Steps({Step("NFKD"), Step("Lowercase")}), unsupported, "normalizer, step 0");
  CheckFails(Steps({Step("NFKD"), Step("StripAccents"), Step("Lowercase"), Step("NFKD"), Step("StripAccents")}),
             unsupported, "normalizer, step 3");
  CheckFails(Steps({kPrecompiled, Step("NFKD"), Step("StripAccents")}), unsupported, "normalizer, step 1");
  CheckFails(Steps({Step("NFKD"), Step("StripAccents"), spaces, kPrecompiled}), unsupported, "normalizer, step 3");
  CheckFails(Steps({Replace("Regex", " {3,}", " ")}), unsupported, "normalizer, step 0");
  CheckFails(With("/normalizer", Step("NFC")), unsupported, "NFC");
}

TEST_CASE("json unigram: a character map that is no base64, or shorter than it says, is refused") {
  for (const char* text : {"BAAAAAAAAAA", "BAAA!AAAAAAA", "BA==BAAAAAAA", "BAAAAAAAA==="}) {
    CheckFails(With("/normalizer", {{"type", "Precompiled"}, {"precompiled_charsmap", text}}), ExitCode::kBadInput,
               "must be base64");
  }
  CheckFails(With("/normalizer", {{"type", "Precompiled"}, {"precompiled_charsmap", "BAAAAAA="}}), ExitCode::kBadInput,
             "normalizer.precompiled_charsmap: 5 bytes");
}

TEST_CASE("json unigram: what would give other ids is refused by name") {
  const ExitCode unsupported = ExitCode::kUnsupported;
  CheckFails(With("/model/byte_fallback", true), unsupported, "model.byte_fallback is true");
  CheckFails(With("/model/vocab", json::parse(R"([["<unk>", 1.0]])")), unsupported, "the lowest score");
  CheckFails(With("/pre_tokenizer", nullptr), unsupported, "pre_tokenizer.type is null");
  CheckFails(With("/pre_tokenizer/pretokenizers/0/type", "Whitespace"), unsupported, "pre_tokenizer.pretokenizers");
  const std::string metaspace = "/pre_tokenizer/pretokenizers/1/";
  CheckFails(With((metaspace + "type").c_str(), "Digits"), unsupported, "step 1: type is \"Digits\"");
  CheckFails(With((metaspace + "replacement").c_str(), "_"), unsupported, "step 1: replacement is \"_\"");
  CheckFails(With((metaspace + "prepend_scheme").c_str(), "first"), unsupported, "prepend_scheme is \"first\"");
  CheckFails(With((metaspace + "add_prefix_space").c_str(), false), unsupported, "add_prefix_space is false");
  CheckFails(With((metaspace + "split").c_str(), false), unsupported, "split is false");
}

TEST_CASE("json unigram: a vocabulary that contradicts itself is refused") {
  const ExitCode bad_input = ExitCode::kBadInput;
  CheckFails(With("/model/vocab/2/0", "<unk>"), bad_input, "\"<unk>\": a piece must not occur twice");
  CheckFails(With("/model/vocab/2/0", ""), bad_input, "a piece must not be empty");
  CheckFails(With("/model/vocab/2", 7), bad_input, "t.json");
  CheckFails(With("/model/vocab", json::array()), bad_input, "model.unk_id is 0");
  for (const json& id : {json(3), json(-1), json()}) CheckFails(With("/model/unk_id", id), bad_input, "model.unk_id");
}
