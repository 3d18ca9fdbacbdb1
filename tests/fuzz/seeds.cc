#include <cstring>

#include "byte_level.h"
#include "compile_sentencepiece.h"
#include "fuzz/targets.h"
#include "model_writer.h"
#include "parse_json.h"
#include "safetensors.h"
#include "support/flax_writer.h"
#include "support/sentencepiece_bytes.h"
#include "support/tiny_models.h"
#include "support/unigram_json.h"
#include "tokenizer_format.h"

namespace smx::fuzz {
namespace {

using Seeds = std::vector<std::vector<uint8_t>>;

std::vector<uint8_t> BytesOf(const std::string& text) { return {text.begin(), text.end()}; }

/// Without the zeros up to 16 KiB in front of each expert, which nothing can be found in.
tools::ModelContent PackedExperts() {
  tools::ModelContent content = tests::TinyExperts();
  content.checkpoint.first_expert_segment = content.checkpoint.num_segments;
  return content;
}

/// With <unk> as many pieces as the tiny models have.
const std::vector<tools::SentencePiece> kPieces = {{"a", -3},
                                                   {"b", -3},
                                                   {"ab", -1},
                                                   {"aab", -2},
                                                   {"abab", -2.5f},
                                                   {"\xe2\x96\x81", -3},
                                                   {"\xc3\xa9", -3},
                                                   {"c", -3},
                                                   {"[CLS]", 0, tools::SentencePiece::kControl},
                                                   {"[SEP]", 0, tools::SentencePiece::kControl},
                                                   {"!", -4}};

Seeds SentencePieceModels() {
  constexpr int kUnigram = 1, kBpe = 2;
  std::vector<tools::SentencePiece> bytes = {{"a", -1}, {"aa", 0}};
  for (const std::string& name : testing::BytePieceNames()) bytes.push_back({name, 0, tools::SentencePiece::kByte});
  return {BytesOf(testing::SentencePieceBytes(kUnigram, kPieces)), BytesOf(testing::SentencePieceBytes(kBpe, kPieces)),
          BytesOf(testing::SentencePieceBytes(kBpe, bytes, testing::PlainReading(), testing::ProtobufNumber(35, 1)))};
}

/// One of each kind but WordPiece, and of each rule of reading.
std::vector<tools::CompiledTokenizer> TinySegmenters() {
  std::vector<tools::CompiledTokenizer> tokenizers;
  for (const int type : {1, 2, 2, 1}) {
    tokenizers.push_back(tools::CompileSentencePiece("tiny", testing::SentencePieceBytes(type, kPieces)));
  }
  // Leads in a circle, to no replacement.
  tokenizers[0].reading.charsmap.assign(256, 'a');
  tokenizers[0].reading.charsmap_texts = {0};
  tools::CompiledTokenizer& byte_level = tokenizers[2];
  byte_level.kind = schema::TokenizerKind_BYTE_BPE;
  byte_level.reading = {};
  byte_level.reading.rule = schema::ReadingRule_BYTE_LEVEL;
  byte_level.reading.classes.block_index.assign(schema::kNumBlockIndexes, 0);
  byte_level.reading.classes.blocks.assign(schema::kCodePointsPerBlock, schema::kByteLevelLetter);
  tools::CompiledTokenizer& metaspace = tokenizers[3];
  metaspace.reading = tokenizers[0].reading;
  metaspace.reading.rule = schema::ReadingRule_METASPACE;
  metaspace.reading.joins_quotes = true;
  metaspace.reading.classes = byte_level.reading.classes;
  metaspace.block_index = byte_level.reading.classes.block_index;
  metaspace.blocks.assign(schema::kCodePointsPerBlock, schema::kActionWord);
  std::vector<float>& scores = metaspace.segmentation.scores;
  metaspace.segmentation.double_scores.assign(scores.begin(), scores.end());
  scores.clear();
  return tokenizers;
}

Seeds Models() {
  const tools::ModelContent linear = tests::TinyLinear();
  tools::ModelContent without_tokenizer = linear;
  without_tokenizer.tokenizer.reset();
  tools::ModelContent batch = PackedExperts();
  batch.config.routing_group = schema::RoutingGroup_BATCH;
  batch.config.reference_group_order = true;
  batch.config.experts->max_group_size = 4;
  batch.config.experts->routing = schema::RoutingKind_TOKENS_CHOOSE;
  batch.config.experts->num_selected_experts = 2;
  batch.config.experts->batch_prioritized_routing = true;
  Seeds seeds;
  for (const tools::WeightsType type : {tools::WeightsType::kInt8, tools::WeightsType::kF32}) {
    for (const tools::ModelContent& content : {linear, without_tokenizer, PackedExperts(), tests::TinyTransforms(),
                                               tests::TinyMasked(), tests::TinyTokenLabels()}) {
      seeds.push_back(SerializeModel(content, type));
    }
  }
  seeds.push_back(SerializeModel(batch, tools::WeightsType::kInt8));
  for (const tools::CompiledTokenizer& tokenizer : TinySegmenters()) {
    tools::ModelContent content = linear;
    content.tokenizer = tokenizer;
    seeds.push_back(SerializeModel(content, tools::WeightsType::kInt8));
  }
  return seeds;
}

Seeds Texts() {
  Seeds seeds;
  for (const char* text : {"ab abb! [MASK]", "\xc3\x84\xe4\xb8\xad\xea\xb0\x81 e\xcc\x81\xcc\x96",
                           "a\x1f"
                           "b\xff\xed\xa0\x80",
                           "[SEP][CLS] \xe2\x80\x83 \t\n", ""}) {
    for (const char* flags : {"\x7f\x20", "\x30\x04", "\x0d\xff"}) seeds.push_back(BytesOf(std::string(flags) + text));
  }
  return seeds;
}

Seeds Vocabularies() {
  const std::string gap(2, '\0');
  return {BytesOf("\x7f\x20"
                  "ab\n##a\n[MASK]\n!" +
                  gap + "abab! [MASK]"),
          BytesOf("\x30\x08"
                  "a\r\n##b\r\n" +
                  gap + "ab"),
          BytesOf("\x31\x08"
                  "\xc3\xa9\n##\xe4\xb8\xad\n" +
                  gap + "\xc3\x89\xe4\xb8\xad")};
}

constexpr char kTokenizerJson[] =
    R"({"added_tokens": [{"id": 2, "content": "[CLS]", "single_word": false, "lstrip": false,
"rstrip": false, "normalized": false, "special": true}], "normalizer": {"type": "BertNormalizer", "clean_text": true,
"handle_chinese_chars": true, "strip_accents": null, "lowercase": true}, "pre_tokenizer": {"type": "BertPreTokenizer"},
"post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]}, "model": {"type": "WordPiece",
"unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
"vocab": {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "a": 4, "##b": 5}}})";

constexpr char kTemplateJson[] = R"({"normalizer": {"type": "BertNormalizer", "clean_text": false,
"handle_chinese_chars": false, "lowercase": false}, "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor":
{"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A",
"type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
"pair": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}},
{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 0}}, {"Sequence": {"id": "B",
"type_id": 1}}, {"SpecialToken": {"id": "[SEP]", "type_id": 1}}],
"special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [2],
"tokens": ["[CLS]"]}, "[SEP]": {"id": "[SEP]", "ids": [3], "tokens": ["[SEP]"]}}}, "padding": {"pad_token": "[PAD]"},
"model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 50,
"vocab": {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3}}})";

std::string ByteLevelJson() {
  nlohmann::json root = {{"normalizer", nullptr},
                         {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}}},
                         {"model", {{"type", "BPE"}, {"merges", {"a b", "ab ab"}}}}};
  std::vector<std::string> pieces = tools::ByteLevelPieces();
  pieces.insert(pieces.end(), {"ab", "abab"});
  for (size_t id = 0; id < pieces.size(); ++id) root["model"]["vocab"][pieces[id]] = id;
  return root.dump();
}

/// With a character map whose root leads to itself.
std::string UnigramJson() {
  nlohmann::json root = testing::TinyUnigramJson();
  std::string map(4 + 1024 + 1, '\0');
  map[1] = 4;
  map[4] = 'a';
  root["normalizer"] = {{"type", "Precompiled"}, {"precompiled_charsmap", testing::Base64(map)}};
  return root.dump();
}

std::vector<uint8_t> RawSafetensors(const std::string& header, size_t data_bytes) {
  std::vector<uint8_t> file(8);
  const uint64_t header_bytes = header.size();
  std::memcpy(file.data(), &header_bytes, 8);
  file.insert(file.end(), header.begin(), header.end());
  file.resize(file.size() + data_bytes, 1);
  return file;
}

tools::ArrayMap FewArrays() {
  tools::ArrayMap arrays;
  arrays["a"] = {"F32", {2, 2}, std::vector<uint8_t>(16, 1)};
  arrays["b/c"] = {"BF16", {3}, std::vector<uint8_t>(6, 2)};
  arrays["scalar"] = {"F16", {}, std::vector<uint8_t>(2, 3)};
  return arrays;
}

Seeds Flax() {
  tools::ArrayMap experts = FewArrays();
  experts["expert"] = {"F32", {1, 2, 1}, std::vector<uint8_t>(8, 1)};
  Seeds seeds = {BytesOf(tests::FlaxState(FewArrays(), 3)), BytesOf(tests::FlaxState(FewArrays(), 3, 2))};
  for (const std::string& file : tests::FlaxShards(experts, {1, 1}, 3)) seeds.push_back(BytesOf(file));
  return seeds;
}

Seeds Safetensors() {
  const tools::ArrayMap arrays = FewArrays();
  return {tools::SerializeSafetensors(arrays), tools::SerializeSafetensors({}),
          RawSafetensors(R"({"__metadata__":{"k":"v"},"x":{"dtype":"I64","shape":[1,0],"data_offsets":[0,0]}})", 0),
          RawSafetensors(R"({"x":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"y":{"dtype":"BOOL","shape":[2],)"
                         R"("data_offsets":[4,6]}})",
                         6)};
}

}  // namespace

std::vector<std::vector<uint8_t>> SeedsOf(const std::string& target) {
  if (target.rfind("fuzz_model", 0) == 0) return Models();
  if (target == "fuzz_wordpiece_text") return Texts();
  if (target == "fuzz_wordpiece_vocabulary") return Vocabularies();
  if (target == "fuzz_tokenizer_json") {
    return {BytesOf(kTokenizerJson), BytesOf(kTemplateJson), BytesOf(ByteLevelJson()), BytesOf(UnigramJson())};
  }
  if (target == "fuzz_sentencepiece") return SentencePieceModels();
  if (target == "fuzz_flax") return Flax();
  if (target == "fuzz_weights_cache") return WeightsCaches();
  return Safetensors();
}

}  // namespace smx::fuzz
