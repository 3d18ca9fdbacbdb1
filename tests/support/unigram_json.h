#ifndef SMX_TESTS_SUPPORT_UNIGRAM_JSON_H_
#define SMX_TESTS_SUPPORT_UNIGRAM_JSON_H_

#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>

#include <nlohmann/json.hpp>

#include "sentencepiece_model.h"
#include "tokenizer_json.h"

namespace smx::testing {

inline std::string Base64(const std::string& bytes) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t bits = 0;
    for (size_t k = 0; k < 3; ++k) bits = bits << 8 | (i + k < bytes.size() ? static_cast<uint8_t>(bytes[i + k]) : 0u);
    for (size_t k = 0; k < 4; ++k) text += i + k <= bytes.size() ? kDigits[bits >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

/// A tokenizer.json of two pieces and <unk>, id 0, without normalizer.
inline nlohmann::json TinyUnigramJson() {
  return nlohmann::json::parse(R"({
    "normalizer": null, "post_processor": null, "added_tokens": [],
    "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
      {"type": "WhitespaceSplit"},
      {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "add_prefix_space": true}]},
    "model": {"type": "Unigram", "unk_id": 0, "byte_fallback": false,
              "vocab": [["<unk>", 0.0], ["\u2581", -2.5], ["a", -3.25]]}})");
}

/// The tokenizer.json that tests/tokenizer/data/make_pieces.py makes of a .model: as T5's, or, `with_steps`, as
/// ALBERT's.
inline nlohmann::json UnigramJsonOf(const std::string& path, bool with_steps) {
  std::ifstream file(path, std::ios::binary);
  const std::string content{std::istreambuf_iterator<char>(file), {}};
  const tools::SentencePieceModel model = tools::ParseSentencePieceModel(path, content);
  nlohmann::json root = TinyUnigramJson();
  root["model"]["vocab"] = nlohmann::json::array();
  for (const tools::SentencePiece& piece : model.pieces) root["model"]["vocab"].push_back({piece.text, piece.score});
  const nlohmann::json map = {{"type", "Precompiled"}, {"precompiled_charsmap", Base64(model.charsmap)}};
  root["normalizer"] = map;
  if (!with_steps) return root;
  root["normalizer"] = nlohmann::json::parse(R"({"type": "Sequence", "normalizers": [
    {"type": "Replace", "pattern": {"String": "``"}, "content": "\""},
    {"type": "Replace", "pattern": {"String": "''"}, "content": "\""},
    {"type": "NFKD"}, {"type": "StripAccents"}, {"type": "Lowercase"}, {"type": "map"},
    {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}]})");
  root["normalizer"]["normalizers"][5] = map;
  return root;
}

inline tools::CompiledTokenizer CompileJson(const nlohmann::json& root) {
  tools::TokenizerSwitches switches;
  return tools::CompileJsonPieces("t.json", root.dump(), &switches);
}

}  // namespace smx::testing

#endif  // SMX_TESTS_SUPPORT_UNIGRAM_JSON_H_
