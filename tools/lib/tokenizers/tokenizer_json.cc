#include "tokenizer_json.h"

#include "error.h"
#include "parse_json.h"

namespace smx::tools {
namespace {

using nlohmann::json;

/// Reads one tokenizer.json. Every value that changes ids is read or must be as the engine has it: a file that asks for
/// something else is refused, never approximated.
class JsonReader {
 public:
  JsonReader(const std::string& path, const json& root) : path_(path), root_(root) {}

  CompiledTokenizer Read(TokenizerSwitches* switches) {
    Require(root_.at("model"), "model.type", "type", "WordPiece");
    Require(root_.at("normalizer"), "normalizer.type", "type", "BertNormalizer");
    Require(root_.at("pre_tokenizer"), "pre_tokenizer.type", "type", "BertPreTokenizer");
    ReadVocabulary();
    const json& post_processor = root_.at("post_processor");
    const auto [cls, sep] = ReadClsAndSep(post_processor);
    *switches = ReadSwitches();
    CompiledTokenizer tokenizer = AssemblePieces(pieces_);
    const json& model = root_.at("model");
    tokenizer.cls_id = IdOf(cls);
    tokenizer.sep_id = IdOf(sep);
    tokenizer.unk_id = IdOf(model.at("unk_token").get<std::string>());
    tokenizer.pad_id = ReadPadId();
    tokenizer.max_chars_per_word = ReadMaxChars(model.at("max_input_chars_per_word"));
    tokenizer.continuing_prefix = model.at("continuing_subword_prefix").get<std::string>();
    for (const json& token : root_.value("added_tokens", json::array())) {
      tokenizer.special_tokens.push_back(ReadSpecialToken(token));
    }
    CheckWords(tokenizer);
    return tokenizer;
  }

 private:
  [[noreturn]] void Fail(ExitCode code, const std::string& message) const { throw Error(code, path_ + ": " + message); }
  [[noreturn]] void Unsupported(const std::string& what, const json& value, const std::string& rule) const {
    Fail(ExitCode::kUnsupported, what + " is " + ShortText(value) + "; " + rule);
  }

  void Require(const json& part, const std::string& what, const char* key, const char* expected) const {
    const json value = part.is_object() && part.contains(key) ? part.at(key) : json();
    if (value != expected) Unsupported(what, value, std::string("only ") + expected + " is implemented");
  }

  void ReadVocabulary() {
    const json& vocabulary = root_.at("model").at("vocab");
    pieces_.resize(vocabulary.size());
    for (const auto& [piece, value] : vocabulary.items()) {
      const int64_t id = value.is_number_integer() ? value.get<int64_t>() : -1;
      if (id < 0 || id >= static_cast<int64_t>(pieces_.size()) || !pieces_[static_cast<size_t>(id)].empty()) {
        Fail(ExitCode::kBadInput, "model.vocab: \"" + piece + "\" has id " + ShortText(value) + "; the ids of " +
                                      std::to_string(pieces_.size()) + " pieces must be 0.. without gap or double");
      }
      if (piece.empty())
        Fail(ExitCode::kBadInput, "model.vocab: id " + ShortText(value) + ": a piece must not be empty");
      pieces_[static_cast<size_t>(id)] = piece;
    }
  }

  uint32_t IdOf(const std::string& piece) const {
    const json& vocabulary = root_.at("model").at("vocab");
    if (!vocabulary.contains(piece)) {
      Fail(ExitCode::kBadInput, "\"" + piece + "\" must be a piece of model.vocab, and is none");
    }
    return vocabulary.at(piece).get<uint32_t>();
  }

  TokenizerSwitches ReadSwitches() const {
    const json& normalizer = root_.at("normalizer");
    TokenizerSwitches switches;
    switches.clean_text = normalizer.at("clean_text").get<bool>();
    switches.handle_chinese_chars = normalizer.at("handle_chinese_chars").get<bool>();
    switches.lowercase = normalizer.at("lowercase").get<bool>();
    const json strip_accents = normalizer.value("strip_accents", json());
    if (!strip_accents.is_null()) switches.strip_accents = strip_accents.get<bool>();
    return switches;
  }

  std::pair<std::string, std::string> ReadClsAndSep(const json& processor) const {
    const std::string type = processor.is_object() ? processor.value("type", "") : "";
    if (type == "BertProcessing") {
      return {ReadNamedId(processor.at("cls")), ReadNamedId(processor.at("sep"))};
    }
    if (type != "TemplateProcessing") {
      Unsupported("post_processor.type", type, "only BertProcessing and TemplateProcessing are implemented");
    }
    const json& single = processor.at("single");
    if (single.size() != 3 || !single[0].contains("SpecialToken") || !single[2].contains("SpecialToken")) {
      Unsupported("post_processor.single", single, "only [CLS] A [SEP] is implemented");
    }
    const std::string cls = single[0]["SpecialToken"].at("id").get<std::string>();
    const std::string sep = single[2]["SpecialToken"].at("id").get<std::string>();
    CheckTemplate(processor, cls, sep);
    return {cls, sep};
  }

  /// ["[CLS]", 101]
  std::string ReadNamedId(const json& value) const {
    std::string piece = value.at(0).get<std::string>();
    CheckId("post_processor", piece, value.at(1));
    return piece;
  }

  void CheckId(const std::string& what, const std::string& piece, const json& id) const {
    if (id == json(IdOf(piece))) return;
    Fail(ExitCode::kBadInput, what + ": \"" + piece + "\" has id " + ShortText(id) + ", and " +
                                  std::to_string(IdOf(piece)) + " in model.vocab; they must be equal");
  }

  void CheckTemplate(const json& processor, const std::string& cls, const std::string& sep) const {
    const auto special = [](const std::string& id, int type_id) {
      return json{{"SpecialToken", {{"id", id}, {"type_id", type_id}}}};
    };
    const auto sequence = [](const char* id, int type_id) {
      return json{{"Sequence", {{"id", id}, {"type_id", type_id}}}};
    };
    const json single = json::array({special(cls, 0), sequence("A", 0), special(sep, 0)});
    const json pair =
        json::array({special(cls, 0), sequence("A", 0), special(sep, 0), sequence("B", 1), special(sep, 1)});
    if (processor.at("single") != single) {
      Unsupported("post_processor.single", processor.at("single"), "only [CLS] A [SEP] of type 0 is implemented");
    }
    if (processor.at("pair") != pair) {
      Unsupported("post_processor.pair", processor.at("pair"),
                  "only [CLS] A [SEP] of type 0 with B [SEP] of type 1 is implemented");
    }
    for (const std::string& piece : {cls, sep}) {
      const json& ids = processor.at("special_tokens").at(piece).at("ids");
      if (ids.size() != 1)
        Unsupported("post_processor.special_tokens: ids of " + piece, ids, "only one is implemented");
      CheckId("post_processor.special_tokens", piece, ids.at(0));
    }
  }

  std::pair<uint32_t, std::string> ReadSpecialToken(const json& token) const {
    const std::string text = token.at("content").get<std::string>();
    for (const char* flag : {"single_word", "lstrip", "rstrip", "normalized"}) {
      if (!token.at(flag).get<bool>()) continue;
      Unsupported("added_tokens: \"" + text + "\": " + flag, true, "only false is implemented");
    }
    if (!token.at("special").get<bool>()) {
      Unsupported("added_tokens: \"" + text + "\": special", false, "only true is implemented");
    }
    if (!root_.at("model").at("vocab").contains(text)) {
      Unsupported("added_tokens: content", text, "only pieces of model.vocab are implemented");
    }
    CheckId("added_tokens", text, token.at("id"));
    return {IdOf(text), text};
  }

  uint32_t ReadPadId() const {
    const json padding = root_.value("padding", json());
    return IdOf(padding.is_object() ? padding.at("pad_token").get<std::string>() : "[PAD]");
  }

  /// Compared before it is narrowed: 2^32 + 100 is not 100.
  uint32_t ReadMaxChars(const json& value) const {
    const uint64_t chars = value.is_number_unsigned() ? value.get<uint64_t>() : 0;
    if (chars == 0 || chars > 100) {
      Unsupported("model.max_input_chars_per_word", value, "only 1..100 is implemented");
    }
    return static_cast<uint32_t>(chars);
  }

  void CheckWords(const CompiledTokenizer& tokenizer) const {
    if (tokenizer.continuing_prefix.size() > 16) {
      Unsupported("model.continuing_subword_prefix", tokenizer.continuing_prefix, "only 16 bytes are implemented");
    }
  }

  const std::string& path_;
  const json& root_;
  std::vector<std::string> pieces_;
};

}  // namespace

CompiledTokenizer CompileJsonPieces(const std::string& path, const std::string& content, TokenizerSwitches* switches) {
  try {
    const json root =
        ParseJson(path + ": no tokenizer.json", reinterpret_cast<const uint8_t*>(content.data()), content.size());
    return JsonReader(path, root).Read(switches);
  } catch (const json::exception& e) {
    throw Error(ExitCode::kBadInput, path + ": no tokenizer.json: " + e.what());
  }
}

}  // namespace smx::tools
