#include "json_file.h"

#include <cstddef>

#include "parse_json.h"

namespace smx::tools {

using nlohmann::json;

void JsonFile::BadInput(const std::string& message) const { throw Error(ExitCode::kBadInput, path_ + ": " + message); }

void JsonFile::Unsupported(const std::string& what, const json& value, const std::string& rule) const {
  throw Error(ExitCode::kUnsupported, path_ + ": " + what + " is " + ShortText(value) + "; " + rule);
}

void JsonFile::Require(const json& part, const std::string& what, const char* key, const json& expected) const {
  const json value = part.is_object() && part.contains(key) ? part.at(key) : json();
  if (value == expected) return;
  const std::string text = expected.is_string() ? expected.get<std::string>() : expected.dump();
  Unsupported(what, value, "only " + text + " is implemented");
}

void JsonFile::ReadVocabulary() {
  const json& vocabulary = model().at("vocab");
  pieces_.resize(vocabulary.size());
  for (const auto& [piece, id] : vocabulary.items()) AddPiece(piece, id);
}

std::vector<double> JsonFile::ReadScoredVocabulary() {
  std::vector<double> scores;
  const json& vocabulary = model().at("vocab");
  pieces_.resize(vocabulary.size());
  for (const json& entry : vocabulary) {
    const std::string piece = entry.at(0).get<std::string>();
    if (HasPiece(piece)) BadInput("model.vocab: \"" + piece + "\": a piece must not occur twice");
    AddPiece(piece, scores.size());
    scores.push_back(entry.at(1).get<double>());
  }
  return scores;
}

void JsonFile::AddPiece(const std::string& piece, const json& value) {
  const int64_t id = value.is_number_integer() ? value.get<int64_t>() : -1;
  if (id < 0 || id >= static_cast<int64_t>(pieces_.size()) || !pieces_[static_cast<size_t>(id)].empty()) {
    BadInput("model.vocab: \"" + piece + "\" has id " + ShortText(value) + "; the ids of " +
             std::to_string(pieces_.size()) + " pieces must be 0.. without gap or double");
  }
  if (piece.empty()) BadInput("model.vocab: id " + ShortText(value) + ": a piece must not be empty");
  ids_.emplace(piece, static_cast<uint32_t>(id));
  pieces_[static_cast<size_t>(id)] = piece;
}

uint32_t JsonFile::IdOf(const std::string& piece) const {
  const auto found = ids_.find(piece);
  if (found == ids_.end()) BadInput("\"" + piece + "\" must be a piece of model.vocab, and is none");
  return found->second;
}

void JsonFile::CheckId(const std::string& what, const std::string& piece, const json& id) const {
  if (id == json(IdOf(piece))) return;
  BadInput(what + ": \"" + piece + "\" has id " + ShortText(id) + ", and " + std::to_string(IdOf(piece)) +
           " in model.vocab; they must be equal");
}

/// ["[CLS]", 101]
std::string JsonFile::NamedPiece(const json& value) const {
  std::string piece = value.at(0).get<std::string>();
  CheckId("post_processor", piece, value.at(1));
  return piece;
}

void JsonFile::AddSurroundings(CompiledTokenizer* tokenizer) const {
  const json processor = Part("post_processor");
  const std::string type = processor.is_object() ? processor.value("type", "") : "";
  tokenizer->adds_cls = tokenizer->adds_sep = false;
  if (processor.is_null() || type == "ByteLevel") return;  // the latter moves offsets only
  if (type == "TemplateProcessing") return AddTemplate(processor, tokenizer);
  if (type != "BertProcessing") {
    Unsupported("post_processor.type", type, "only BertProcessing, TemplateProcessing and ByteLevel are implemented");
  }
  tokenizer->adds_cls = tokenizer->adds_sep = true;
  tokenizer->cls_id = IdOf(NamedPiece(processor.at("cls")));
  tokenizer->sep_id = IdOf(NamedPiece(processor.at("sep")));
}

/// The piece of a template's step that is a special token, or "".
std::string JsonFile::TemplatePiece(const json& processor, const json& step) const {
  if (!step.is_object() || !step.contains("SpecialToken")) return "";
  std::string piece = step["SpecialToken"].at("id").get<std::string>();
  const json& ids = processor.at("special_tokens").at(piece).at("ids");
  if (ids.size() != 1) Unsupported("post_processor.special_tokens: ids of " + piece, ids, "only one is implemented");
  CheckId("post_processor.special_tokens", piece, ids.at(0));
  return piece;
}

/// Text, with or without a special token before, and after it; then the pair and what is after the text once more.
void JsonFile::AddTemplate(const json& processor, CompiledTokenizer* tokenizer) const {
  const json& single = processor.at("single");
  const json& pair = processor.at("pair");
  const std::string cls = single.empty() ? "" : TemplatePiece(processor, single.front());
  const std::string sep = single.size() < 2 ? "" : TemplatePiece(processor, single.back());
  const bool has_type_1 = !pair.empty() && !pair.back().empty() && pair.back().front().value("type_id", 0) == 1;
  const int pair_type = has_type_1 ? 1 : 0;
  const auto expect = [&](bool has_pair) {
    json steps = json::array();
    if (!cls.empty()) steps.push_back({{"SpecialToken", {{"id", cls}, {"type_id", 0}}}});
    for (int text = 0; text < (has_pair ? 2 : 1); ++text) {
      const int type_id = text == 0 ? 0 : pair_type;
      steps.push_back({{"Sequence", {{"id", text == 0 ? "A" : "B"}, {"type_id", type_id}}}});
      if (!sep.empty()) steps.push_back({{"SpecialToken", {{"id", sep}, {"type_id", type_id}}}});
    }
    return steps;
  };
  const char* const rule = "only [CLS] A [SEP] of type 0, and B [SEP] of one type, 0 or 1, behind it, are implemented";
  if (single != expect(false)) Unsupported("post_processor.single", single, rule);
  if (pair != expect(true)) Unsupported("post_processor.pair", pair, rule);
  tokenizer->adds_cls = !cls.empty();
  tokenizer->adds_sep = !sep.empty();
  tokenizer->pair_type_id = static_cast<uint8_t>(pair_type);
  if (!cls.empty()) tokenizer->cls_id = IdOf(cls);
  if (!sep.empty()) tokenizer->sep_id = IdOf(sep);
}

void JsonFile::AddSpecialTokens(CompiledTokenizer* tokenizer) const {
  for (const json& token : root_.value("added_tokens", json::array())) {
    tokenizer->special_tokens.push_back(ReadSpecialToken(token));
  }
}

/// Without a normalizer the flag only says which tokens are looked for first.
void JsonFile::CheckNormalized(const std::string& text, const json& normalized) const {
  const std::string what = "added_tokens: \"" + text + "\": normalized";
  if (normalized.get<bool>() && !Part("normalizer").is_null()) {
    Unsupported(what, true, "only false is implemented with a normalizer");
  }
  if (normalized != root_.at("added_tokens").front().at("normalized")) {
    Unsupported(what, normalized, "only the same as of the first one is implemented");
  }
}

std::pair<uint32_t, std::string> JsonFile::ReadSpecialToken(const json& token) const {
  const std::string text = token.at("content").get<std::string>();
  for (const char* flag : {"single_word", "lstrip", "rstrip"}) {
    if (!token.at(flag).get<bool>()) continue;
    Unsupported("added_tokens: \"" + text + "\": " + flag, true, "only false is implemented");
  }
  CheckNormalized(text, token.at("normalized"));
  if (!token.at("special").get<bool>()) {
    Unsupported("added_tokens: \"" + text + "\": special", false, "only true is implemented");
  }
  if (!HasPiece(text)) Unsupported("added_tokens: content", text, "only pieces of model.vocab are implemented");
  CheckId("added_tokens", text, token.at("id"));
  return {IdOf(text), text};
}

}  // namespace smx::tools
