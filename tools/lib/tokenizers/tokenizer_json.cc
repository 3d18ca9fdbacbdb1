#include "tokenizer_json.h"

#include "error.h"
#include "json_file.h"
#include "parse_json.h"

namespace smx::tools {
namespace {

using nlohmann::json;

TokenizerSwitches ReadSwitches(const json& normalizer) {
  TokenizerSwitches switches;
  switches.clean_text = normalizer.at("clean_text").get<bool>();
  switches.handle_chinese_chars = normalizer.at("handle_chinese_chars").get<bool>();
  switches.lowercase = normalizer.at("lowercase").get<bool>();
  const json strip_accents = normalizer.value("strip_accents", json());
  if (!strip_accents.is_null()) switches.strip_accents = strip_accents.get<bool>();
  return switches;
}

/// Compared before it is narrowed: 2^32 + 100 is not 100.
uint32_t ReadMaxChars(const JsonFile& file) {
  const json& value = file.model().at("max_input_chars_per_word");
  const uint64_t chars = value.is_number_unsigned() ? value.get<uint64_t>() : 0;
  if (chars == 0 || chars > 100) {
    file.Unsupported("model.max_input_chars_per_word", value, "only 1..100 is implemented");
  }
  return static_cast<uint32_t>(chars);
}

uint32_t ReadPadId(const JsonFile& file) {
  const json padding = file.Part("padding");
  return file.IdOf(padding.is_object() ? padding.at("pad_token").get<std::string>() : "[PAD]");
}

CompiledTokenizer CompileWordPiece(JsonFile* file, TokenizerSwitches* switches) {
  const json& root = file->root();
  file->Require(root.at("normalizer"), "normalizer.type", "type", "BertNormalizer");
  file->Require(root.at("pre_tokenizer"), "pre_tokenizer.type", "type", "BertPreTokenizer");
  file->ReadVocabulary();
  *switches = ReadSwitches(root.at("normalizer"));
  CompiledTokenizer tokenizer = AssemblePieces(file->pieces());
  file->AddSurroundings(&tokenizer);
  tokenizer.unk_id = file->IdOf(file->model().at("unk_token").get<std::string>());
  tokenizer.pad_id = ReadPadId(*file);
  tokenizer.max_chars_per_word = ReadMaxChars(*file);
  tokenizer.continuing_prefix = file->model().at("continuing_subword_prefix").get<std::string>();
  file->AddSpecialTokens(&tokenizer);
  if (tokenizer.continuing_prefix.size() > 16) {
    file->Unsupported("model.continuing_subword_prefix", tokenizer.continuing_prefix, "only 16 bytes are implemented");
  }
  return tokenizer;
}

}  // namespace

CompiledTokenizer CompileJsonPieces(const std::string& path, const std::string& content, TokenizerSwitches* switches) {
  try {
    const json root =
        ParseJson(path + ": no tokenizer.json", reinterpret_cast<const uint8_t*>(content.data()), content.size());
    JsonFile file(path, root);
    const std::string type = root.at("model").value("type", "");
    if (type == "WordPiece") return CompileWordPiece(&file, switches);
    if (type == "BPE") return CompileJsonBpe(&file);
    if (type == "Unigram") return CompileJsonUnigram(&file);
    file.Unsupported("model.type", type, "only WordPiece, BPE and Unigram are implemented");
  } catch (const json::exception& e) {
    throw Error(ExitCode::kBadInput, path + ": no tokenizer.json: " + e.what());
  }
}

}  // namespace smx::tools
