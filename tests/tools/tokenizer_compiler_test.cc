#include "tokenizer_compiler.h"

#include <doctest/doctest.h>

#include <cstdio>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "error.h"
#include "support/tokenizer_builder.h"
#include "tokenizer/check.h"

using nlohmann::json;
using smx::tools::CompiledTokenizer;
using smx::tools::Error;
using smx::tools::ExitCode;

namespace {

const std::string kData = std::string(SMX_TESTS_DIR) + "/tokenizer/data/";
const std::string kSpecial = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n";

/// A file that goes with the object.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& content) {
    const int descriptor = mkstemp(path_);
    REQUIRE(descriptor >= 0);
    std::FILE* file = fdopen(descriptor, "wb");
    std::fwrite(content.data(), 1, content.size(), file);
    std::fclose(file);
  }
  ~TemporaryFile() { std::remove(path_); }
  const char* path() const { return path_; }

 private:
  char path_[32] = "/tmp/smx_tokenizer_XXXXXX";
};

CompiledTokenizer CompileLines(const std::string& content) {
  return smx::tools::CompileVocabTxt(TemporaryFile(content).path(), {});
}

void CheckFails(const std::function<void()>& compile, ExitCode code, const std::string& words) {
  try {
    compile();
    FAIL("no error");
  } catch (const Error& error) {
    CAPTURE(error.what());
    CHECK(error.code() == code);
    CHECK(std::string(error.what()).find(words) != std::string::npos);
  }
}

void CheckLinesFail(const std::string& content, const std::string& words) {
  CheckFails([&] { CompileLines(content); }, ExitCode::kBadInput, words);
}

const char* const kSmallJson = R"({
  "version": "1.0", "truncation": null, "padding": null, "decoder": null,
  "added_tokens": [{"id": 2, "content": "[CLS]", "single_word": false, "lstrip": false, "rstrip": false,
                    "normalized": false, "special": true}],
  "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": false, "strip_accents": null,
                 "lowercase": false},
  "pre_tokenizer": {"type": "BertPreTokenizer"},
  "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]},
  "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 50, "vocab": {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "a": 4}}
})";

CompiledTokenizer CompileJson(const json& root) {
  return smx::tools::CompileTokenizerJson(TemporaryFile(root.dump()).path());
}

/// Puts `value` at `pointer` of a sound file and expects a refusal that holds `words`.
void CheckJsonFails(const char* pointer, const json& value, ExitCode code, const std::string& words) {
  json root = json::parse(kSmallJson);
  root[json::json_pointer(pointer)] = value;
  CheckFails([&] { CompileJson(root); }, code, words);
}

}  // namespace

TEST_CASE("tokenizer compiler: lines may end in CRLF, the last in nothing") {
  const CompiledTokenizer tokenizer = CompileLines("[PAD]\r\n[UNK]\r\n[CLS]\r\n[SEP]\r\nword");
  CHECK(tokenizer.num_pieces() == 5);
  CHECK(std::string(tokenizer.pieces.begin(), tokenizer.pieces.end()) == "[PAD][UNK][CLS][SEP]word");
  CHECK(tokenizer.pad_id == 0);
  CHECK(tokenizer.unk_id == 1);
  CHECK(tokenizer.cls_id == 2);
  CHECK(tokenizer.sep_id == 3);
  CHECK(tokenizer.special_tokens.size() == 4);
}

TEST_CASE("tokenizer compiler: strip_accents follows lowercase unless it is set") {
  smx::tools::TokenizerSwitches switches;
  const TemporaryFile file(kSpecial);
  CHECK(smx::tools::CompileVocabTxt(file.path(), switches).strip_accents);
  switches.lowercase = false;
  CHECK_FALSE(smx::tools::CompileVocabTxt(file.path(), switches).strip_accents);
  switches.strip_accents = true;
  CHECK(smx::tools::CompileVocabTxt(file.path(), switches).strip_accents);
}

TEST_CASE("tokenizer compiler: a wrong line is named") {
  CheckLinesFail(kSpecial + "\nx\n", "line 5: \"\": a piece must not be empty");
  CheckLinesFail(kSpecial + "x\ny\nx\n", "line 7: \"x\": a piece must not occur twice; it is in line 5");
  CheckLinesFail(kSpecial + "a\xff\n", "line 5");
  CheckLinesFail(kSpecial + "a\u3000\n", "white space");
  CheckLinesFail("[PAD]\n[UNK]\n[CLS]\n", "none is [SEP]");
  CheckLinesFail("", "none is [PAD]");
}

TEST_CASE("tokenizer compiler: a missing file is named") {
  CheckFails([] { smx::tools::CompileVocabTxt("/nowhere/vocab.txt", {}); }, ExitCode::kBadInput, "/nowhere/vocab.txt");
}

TEST_CASE("tokenizer compiler: both kinds of file of one vocabulary give the same tokenizer") {
  const CompiledTokenizer lines = smx::tools::CompileTokenizer(kData + "bert_base_uncased_vocab.txt", {});
  const CompiledTokenizer object = smx::tools::CompileTokenizer(kData + "minilm_wordpiece_tokenizer.json", {});
  CHECK(lines.pieces == object.pieces);
  CHECK(lines.piece_offsets == object.piece_offsets);
  CHECK(lines.hash_index == object.hash_index);
  CHECK(lines.blocks == object.blocks);
  CHECK(lines.sequences == object.sequences);
  CHECK(lines.cls_id == object.cls_id);
  CHECK(lines.special_tokens.size() == object.special_tokens.size());
  CHECK(lines.num_pieces() == 30522);
  const smx::testing::BuiltTokenizer built(object);
  CHECK(smx::CheckTokenizer(built.view(), 30522, smx::Log()) == smx::Status::kOk);
}

TEST_CASE("tokenizer compiler: a vocabulary may begin with a brace") {
  const TemporaryFile file("{\n[" + kSpecial.substr(1));
  CHECK(smx::tools::CompileTokenizer(file.path(), {}).num_pieces() == 5);
}

TEST_CASE("tokenizer compiler: a tokenizer.json says its own switches") {
  const CompiledTokenizer tokenizer = CompileJson(json::parse(kSmallJson));
  CHECK(tokenizer.num_pieces() == 5);
  CHECK_FALSE(tokenizer.handle_chinese_chars);
  CHECK_FALSE(tokenizer.lowercase);
  CHECK_FALSE(tokenizer.strip_accents);
  CHECK(tokenizer.max_chars_per_word == 50);
  CHECK(tokenizer.sep_id == 3);
  CHECK(tokenizer.special_tokens == std::vector<std::pair<uint32_t, std::string>>{{2, "[CLS]"}});
}

TEST_CASE("tokenizer compiler: a part of tokenizer.json that is not implemented is refused by name") {
  const ExitCode unsupported = ExitCode::kUnsupported;
  CheckJsonFails("/model/type", "WordLevel", unsupported, "model.type is \"WordLevel\"");
  CheckJsonFails("/normalizer", nullptr, unsupported, "normalizer.type is null");
  CheckJsonFails("/normalizer/type", "Sequence", unsupported, "normalizer.type is \"Sequence\"");
  CheckJsonFails("/pre_tokenizer/type", "Whitespace", unsupported, "pre_tokenizer.type is \"Whitespace\"");
  CheckJsonFails("/post_processor/type", "RobertaProcessing", unsupported, "post_processor.type");
  CheckJsonFails("/added_tokens/0/lstrip", true, unsupported, "\"[CLS]\": lstrip");
  CheckJsonFails("/added_tokens/0/normalized", true, unsupported, "\"[CLS]\": normalized");
  CheckJsonFails("/added_tokens/0/special", false, unsupported, "\"[CLS]\": special");
  CheckJsonFails("/added_tokens/0/content", "[NEW]", unsupported, "only pieces of model.vocab");
  CheckJsonFails("/model/max_input_chars_per_word", 101, unsupported, "only 1..100");
}

TEST_CASE("tokenizer compiler: a tokenizer.json that contradicts itself is refused") {
  const ExitCode bad_input = ExitCode::kBadInput;
  CheckJsonFails("/model/vocab/a", 5, bad_input, "\"a\" has id 5");
  CheckJsonFails("/model/vocab/a", 3, bad_input, "without gap or double");
  CheckJsonFails("/model/vocab/a", "4", bad_input, "without gap or double");
  CheckJsonFails("/model/unk_token", "[unk]", bad_input, "\"[unk]\" must be a piece");
  CheckJsonFails("/added_tokens/0/id", 1, bad_input, "added_tokens: \"[CLS]\" has id 1");
  CheckJsonFails("/post_processor/cls/1", 0, bad_input, "post_processor: \"[CLS]\" has id 0");
  CheckJsonFails("/normalizer/lowercase", "yes", bad_input, "no tokenizer.json");
  CheckFails([] { smx::tools::CompileTokenizerJson(TemporaryFile("{\"model\":").path()); }, bad_input,
             "no tokenizer.json");
}

TEST_CASE("tokenizer compiler: a template that is not BERT's is refused") {
  std::ifstream file(kData + "minilm_wordpiece_tokenizer.json");
  const json genuine = json::parse(file);
  const auto check_fails = [&](const char* pointer, const json& value, const char* words) {
    json root = genuine;
    root[json::json_pointer(pointer)] = value;
    CheckFails([&] { CompileJson(root); }, ExitCode::kUnsupported, words);
  };
  check_fails("/post_processor/single/1/Sequence/type_id", 1, "post_processor.single");
  check_fails("/post_processor/single/0", json::parse(R"({"Sequence": {"id": "A", "type_id": 0}})"),
              "post_processor.single");
  check_fails("/post_processor/pair/3/Sequence/type_id", 0, "post_processor.pair");
  check_fails("/post_processor/pair/2/SpecialToken/id", "[CLS]", "post_processor.pair");
  check_fails("/post_processor/special_tokens/[CLS]/ids", json::array({101, 102}), "ids of [CLS]");
}
