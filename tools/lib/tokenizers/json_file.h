#ifndef SMX_TOOLS_LIB_TOKENIZERS_JSON_FILE_H_
#define SMX_TOOLS_LIB_TOKENIZERS_JSON_FILE_H_

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include <nlohmann/json.hpp>

#include "compiled_tokenizer.h"
#include "error.h"

namespace smx::tools {

/// The parts of a tokenizer.json that its models share. Every value that changes ids is read or must be as the engine
/// has it: a file that asks for something else is refused, never approximated. Truncation, padding and decoder are
/// ignored.
class JsonFile {
 public:
  using json = nlohmann::json;  // NOLINT(readability-identifier-naming): as that library's users write it

  JsonFile(const std::string& path, const json& root) : path_(path), root_(root) {}

  const std::string& path() const { return path_; }
  const json& root() const { return root_; }
  const json& model() const { return root_.at("model"); }
  /// A part that may be absent or null.
  json Part(const char* name) const { return root_.value(name, json()); }

  [[noreturn]] void BadInput(const std::string& message) const;
  [[noreturn]] void Unsupported(const std::string& what, const json& value, const std::string& rule) const;
  /// `part` is an object whose `key` is `expected`; `what` names it.
  void Require(const json& part, const std::string& what, const char* key, const json& expected) const;

  /// model.vocab, an object of piece and id; or a list of piece and score, ids in order, of which this gives the
  /// scores.
  void ReadVocabulary();
  std::vector<double> ReadScoredVocabulary();
  const std::vector<std::string>& pieces() const { return pieces_; }
  bool HasPiece(const std::string& piece) const { return ids_.count(piece) != 0; }
  uint32_t IdOf(const std::string& piece) const;

  /// post_processor and added_tokens, after ReadVocabulary.
  void AddSurroundings(CompiledTokenizer* tokenizer) const;
  void AddSpecialTokens(CompiledTokenizer* tokenizer) const;

 private:
  void AddPiece(const std::string& piece, const json& value);
  void CheckId(const std::string& what, const std::string& piece, const json& id) const;
  std::string NamedPiece(const json& value) const;
  void AddTemplate(const json& processor, CompiledTokenizer* tokenizer) const;
  std::string TemplatePiece(const json& processor, const json& step) const;
  void CheckNormalized(const std::string& text, const json& normalized) const;
  std::pair<uint32_t, std::string> ReadSpecialToken(const json& token) const;

  const std::string& path_;
  const json& root_;
  std::vector<std::string> pieces_;
  std::unordered_map<std::string, uint32_t> ids_;
};

/// model.type is BPE, behind byte-level pre-tokenization.
CompiledTokenizer CompileJsonBpe(JsonFile* file);

/// model.type is Unigram, behind white space and Metaspace.
CompiledTokenizer CompileJsonUnigram(JsonFile* file);

}  // namespace smx::tools

#endif  // SMX_TOOLS_LIB_TOKENIZERS_JSON_FILE_H_
