#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "byte_level.h"
#include "error.h"
#include "support/tokenizer_builder.h"
#include "tokenizer_json.h"

using nlohmann::json;
using smx::tools::CompiledTokenizer;
using smx::tools::ExitCode;

namespace {

/// All bytes, ids 0..255, then "ab", "abc" and the special token "<end>".
json Sound() {
  json root = json::parse(R"({
    "version": "1.0", "truncation": null, "padding": null, "normalizer": null, "decoder": null,
    "added_tokens": [{"id": 258, "content": "<end>", "single_word": false, "lstrip": false, "rstrip": false,
                      "normalized": true, "special": true}],
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
    "post_processor": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": false, "use_regex": true},
    "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": "",
              "end_of_word_suffix": "", "fuse_unk": false, "byte_fallback": false, "merges": ["a b", "ab c"]}
  })");
  std::vector<std::string> pieces = smx::tools::ByteLevelPieces();
  pieces.insert(pieces.end(), {"ab", "abc", "<end>"});
  for (size_t id = 0; id < pieces.size(); ++id) root["model"]["vocab"][pieces[id]] = id;
  return root;
}

CompiledTokenizer Compile(const json& root) {
  smx::tools::TokenizerSwitches switches;
  return smx::tools::CompileJsonPieces("t.json", root.dump(), &switches);
}

void CheckFails(const json& root, ExitCode code, const std::string& words) {
  try {
    Compile(root);
    FAIL("no error: " << words);
  } catch (const smx::tools::Error& error) {
    CAPTURE(error.what());
    CHECK(error.code() == code);
    CHECK(std::string(error.what()).find("t.json: ") == 0);
    CHECK(std::string(error.what()).find(words) != std::string::npos);
  }
}

/// Puts `value` at `pointer` of the sound file.
json With(const char* pointer, const json& value) {
  json root = Sound();
  root[json::json_pointer(pointer)] = value;
  return root;
}

void CheckUnsupported(const char* pointer, const json& value, const std::string& words) {
  CheckFails(With(pointer, value), ExitCode::kUnsupported, words);
}

}  // namespace

TEST_CASE("json bpe: merges in both notations, no tokens around") {
  const CompiledTokenizer compiled = Compile(Sound());
  CHECK(compiled.kind == smx::schema::TokenizerKind_BYTE_BPE);
  CHECK(compiled.reading.rule == smx::schema::ReadingRule_BYTE_LEVEL);
  CHECK_FALSE(compiled.adds_cls);
  CHECK_FALSE(compiled.adds_sep);
  CHECK(compiled.segmentation.ranks[257] == 1);
  CHECK(compiled.segmentation.left_bytes[257] == 2);
  const smx::testing::BuiltTokenizer tokenizer(compiled);
  CHECK(tokenizer.Pieces("abcab <end>b") == "abc ab \u0120 <end> b");
  const auto lists = With("/model/merges", json::parse(R"([["a", "b"], ["ab", "c"]])"));
  CHECK(Compile(lists).segmentation.ranks == compiled.segmentation.ranks);
}

TEST_CASE("json bpe: a template may put one token in front, or one behind, of either type") {
  const auto special = [](int type) { return json{{"SpecialToken", {{"id", "<end>"}, {"type_id", type}}}}; };
  const auto text = [](const char* id, int type) { return json{{"Sequence", {{"id", id}, {"type_id", type}}}}; };
  json root = Sound();
  root["post_processor"] = {{"type", "TemplateProcessing"},
                            {"single", {special(0), text("A", 0)}},
                            {"pair", {special(0), text("A", 0), text("B", 1)}},
                            {"special_tokens", {{"<end>", {{"id", "<end>"}, {"ids", {258}}, {"tokens", {"<end>"}}}}}}};
  const smx::testing::BuiltTokenizer front(Compile(root));
  CHECK(front.Tokenize("a", "b").ids == std::vector<int32_t>{258, 'a', 'b'});
  CHECK(front.Tokenize("a", "b").type_ids == std::vector<int32_t>{0, 0, 1});
  root["post_processor"]["single"] = {text("A", 0), special(0)};
  root["post_processor"]["pair"] = {text("A", 0), special(0), text("B", 0), special(0)};
  const smx::testing::BuiltTokenizer behind(Compile(root));
  CHECK(behind.Tokenize("a", "b").ids == std::vector<int32_t>{'a', 258, 'b', 258});
  CHECK(behind.Tokenize("a", "b").type_ids == std::vector<int32_t>{0, 0, 0, 0});
  root["post_processor"]["pair"] = {text("A", 0), special(0), text("B", 1), special(0)};
  CheckFails(root, ExitCode::kUnsupported, "post_processor.pair");
}

TEST_CASE("json bpe: what would give other ids is refused by name") {
  CheckUnsupported("/model/fuse_unk", true, "model.fuse_unk is true");
  CheckUnsupported("/model/byte_fallback", true, "model.byte_fallback is true");
  CheckUnsupported("/model/ignore_merges", true, "model.ignore_merges is true");
  CheckUnsupported("/model/continuing_subword_prefix", "##", "model.continuing_subword_prefix is \"##\"");
  CheckUnsupported("/model/end_of_word_suffix", "</w>", "model.end_of_word_suffix is \"</w>\"");
  CheckUnsupported("/model/dropout", 0.1, "model.dropout is 0.1");
  CheckUnsupported("/normalizer", {{"type", "NFC"}}, "normalizer is");
  CheckUnsupported("/pre_tokenizer", nullptr, "pre_tokenizer.type is null");
  CheckUnsupported("/pre_tokenizer/type", "Sequence", "pre_tokenizer.type is \"Sequence\"");
  CheckUnsupported("/pre_tokenizer/add_prefix_space", true, "pre_tokenizer.add_prefix_space is true");
  CheckUnsupported("/pre_tokenizer/use_regex", false, "pre_tokenizer.use_regex is false");
  CheckUnsupported("/post_processor/type", "RobertaProcessing", "post_processor.type");
  json root = Sound();
  root["added_tokens"].push_back(root["added_tokens"][0]);
  root["added_tokens"][1]["normalized"] = false;
  CheckFails(root, ExitCode::kUnsupported, "normalized is false; only the same as of the first one");
}

TEST_CASE("json bpe: a vocabulary without a byte, and merges of what it does not hold, are refused") {
  const ExitCode bad_input = ExitCode::kBadInput;
  json root = Sound();
  root["model"]["vocab"].erase("\u0120");
  root["model"]["vocab"]["other"] = 0x20;
  CheckFails(root, bad_input, "\"\u0120\" must be a piece");
  CheckFails(With("/model/merges/1", "b c"), bad_input, "\"bc\" must be a piece");
  CheckFails(With("/model/merges/1", "abc"), bad_input, "must be two pieces");
  CheckFails(With("/model/merges/1", "a b c"), bad_input, "must be two pieces");
  CheckFails(With("/model/merges/1", "a b"), bad_input, "a merge must not occur twice");
  CheckFails(With("/model/merges", 7), bad_input, "t.json");
}

TEST_CASE("json bpe: a merge that comes before those of its parts is refused") {
  CheckFails(With("/model/merges", {"ab c", "a b"}), ExitCode::kUnsupported, "lower rank than one of its parts");
}

TEST_CASE("json bpe: a piece beyond the room for one is refused") {
  json root = Sound();
  root["model"]["vocab"][std::string(512, 'x')] = 259;
  CheckFails(root, ExitCode::kUnsupported, "piece 259 of 512 bytes");
}
