// The tokenizer inside of a model file, through the program that users have, against the genuine libraries.

#include <doctest/doctest.h>

#include "output_file.h"
#include "support/models.h"
#include "support/programs.h"

using nlohmann::json;
using smx::tests::SmxJsonLines;
using smx::tests::TemporaryFolder;

namespace {

const std::string kData = std::string(SMX_TESTS_DIR) + "/tokenizer/data/";

/// A model file whose only purpose is its tokenizer: a golden model with as many words as the vocabulary.
std::string ModelWithTokenizer(const TemporaryFolder& folder, const std::string& vocabulary, bool lowercase) {
  smx::tools::ModelContent content =
      smx::tests::ReadModelFolder(smx::tests::GoldenFolder("linear"), "params.safetensors");
  smx::tools::TokenizerSwitches switches;
  switches.lowercase = lowercase;
  content.tokenizer = smx::tools::CompileTokenizer(kData + vocabulary, switches);
  content.config.vocab_size = static_cast<uint32_t>(content.tokenizer->num_pieces());
  for (smx::tools::Parameter& parameter : content.checkpoint.parameters) {
    if (parameter.name != "encoder/embedder/word/embedding") continue;
    parameter.shape[0] = content.config.vocab_size;
    parameter.values.assign(size_t{parameter.shape[0]} * parameter.shape[1], 0.5f);
  }
  const std::string path = folder.Path("model.smx");
  smx::tools::WriteWhole(path, smx::tools::SerializeModel(content, smx::tools::WeightsType::kInt8));
  return path;
}

void CheckEveryLine(const std::string& vocabulary, bool lowercase, const std::string& golden, size_t least_lines) {
  const TemporaryFolder folder;
  const std::string model = ModelWithTokenizer(folder, vocabulary, lowercase);
  std::string input;
  std::vector<json> expected;
  for (const std::string& line : smx::tests::SplitLines(smx::tests::ReadFile(kData + golden))) {
    expected.push_back(json::parse(line));
    json text = {{"text", expected.back().contains("text") ? expected.back()["text"] : expected.back()["a"]}};
    input += text.dump() + "\n";
  }
  REQUIRE(expected.size() >= least_lines);
  const std::vector<json> whole = SmxJsonLines({"tokenize", model, "--jsonl", "--json", "--input", "-"}, input);
  const std::vector<json> plain =
      SmxJsonLines({"tokenize", model, "--jsonl", "--json", "--no-special", "--input", "-"}, input);
  REQUIRE(whole.size() == expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    CAPTURE(i);
    CHECK(whole[i]["ids"] == expected[i]["ids"]);
    CHECK(whole[i]["pieces"] == expected[i]["tokens"]);
    CHECK(plain[i]["ids"] == expected[i]["ids_no_special"]);
  }
}

}  // namespace

TEST_CASE("golden tokens: every line of BERT's vocabulary, uncased") {
  CheckEveryLine("bert_base_uncased_vocab.txt", true, "minilm_wordpiece_hf.jsonl", 270);
}

TEST_CASE("golden tokens: every line of the same without lower case") {
  CheckEveryLine("bert_base_uncased_vocab.txt", false, "bert_vocab_nolower.jsonl", 270);
}

TEST_CASE("golden tokens: every line of MiniLM's tokenizer.json") {
  CheckEveryLine("minilm_wordpiece_tokenizer.json", true, "minilm_wordpiece_hf.jsonl", 270);
}

TEST_CASE("golden tokens: SentencePiece and byte-level BPE files in a model file give their ids, pieces and offsets") {
  struct Golden {
    const char* file;
    std::string name;
    const char* kind;
  };
  for (const Golden& golden : {Golden{"spm_test_unigram_1000.model", "spm_test_unigram_1000", "unigram"},
                               Golden{"bpe_small.model", "bpe_small", "bpe"},
                               Golden{"byte_bpe_small_tokenizer.json", "byte_bpe_small", "byte_bpe"}}) {
    const char* const file = golden.file;
    CAPTURE(file);
    const TemporaryFolder folder;
    const std::string model = ModelWithTokenizer(folder, file, true);
    CHECK(smx::tests::SmxJson({"inspect", model, "--json"})["tokenizer_kind"] == golden.kind);
    const auto texts = smx::tests::SplitLines(smx::tests::ReadFile(kData + "minilm_wordpiece_hf.jsonl"));
    std::string input;
    std::vector<json> expected;
    for (const std::string& line : smx::tests::SplitLines(smx::tests::ReadFile(kData + golden.name + "_ids.jsonl"))) {
      const json ids = json::parse(line);
      if (!ids.contains("line")) continue;
      input += json{{"text", json::parse(texts.at(ids["line"].get<size_t>()))["text"]}}.dump() + "\n";
      expected.push_back(ids["ids"]);
    }
    REQUIRE(expected.size() > 200);
    const std::vector<json> found = SmxJsonLines({"tokenize", model, "--jsonl", "--json", "--input", "-"}, input);
    REQUIRE(found.size() == expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      CHECK(found[i]["ids"] == expected[i]);
      CHECK(found[i]["pieces"].size() == expected[i].size());
      CHECK(found[i]["offsets"].size() == expected[i].size());
    }
  }
}

TEST_CASE("golden tokens: bytes that are not UTF-8 arrive as they are, and count as U+FFFD") {
  const TemporaryFolder folder;
  const std::string model = ModelWithTokenizer(folder, "minilm_wordpiece_tokenizer.json", true);
  size_t num_lines = 0;
  for (const std::string& line :
       smx::tests::SplitLines(smx::tests::ReadFile(kData + "minilm_wordpiece_hf_invalid_utf8.jsonl"))) {
    const json expected = json::parse(line);
    const std::string hex = expected["bytes_hex"];
    std::string text;
    for (size_t i = 0; i < hex.size(); i += 2) text += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    if (text.find_first_of(std::string("\0\n\r", 3)) != std::string::npos) continue;  // no argument, no line
    CAPTURE(hex);
    const json found = smx::tests::SmxJson({"tokenize", model, "--json", "--", text});
    CHECK(found["ids"] == expected["ids"]);
    ++num_lines;
  }
  CHECK(num_lines >= 15);
}
