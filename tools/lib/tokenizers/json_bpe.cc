#include <unordered_map>

#include "bpe_merges.h"
#include "byte_level.h"
#include "json_file.h"
#include "parse_json.h"

namespace smx::tools {
namespace {

using nlohmann::json;

/// "a b" or ["a", "b"]
std::pair<std::string, std::string> ReadMerge(const JsonFile& file, const json& merge) {
  if (merge.is_array() && merge.size() == 2) return {merge[0].get<std::string>(), merge[1].get<std::string>()};
  const std::string text = merge.get<std::string>();
  const size_t space = text.find(' ');
  if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos) {
    file.BadInput("model.merges: " + ShortText(merge) + ": must be two pieces with a space between them");
  }
  return {text.substr(0, space), text.substr(space + 1)};
}

/// Ranks by the two pieces, in the order of the file.
std::unordered_map<std::string, uint32_t> ReadMerges(const JsonFile& file) {
  std::unordered_map<std::string, uint32_t> ranks;
  for (const json& merge : file.model().at("merges")) {
    const auto [left, right] = ReadMerge(file, merge);
    for (const std::string& piece : {left, right, left + right}) file.IdOf(piece);
    const std::string key = left + ' ' + right;
    if (!ranks.emplace(key, static_cast<uint32_t>(ranks.size())).second) {
      file.BadInput("model.merges: \"" + key + "\": a merge must not occur twice");
    }
  }
  return ranks;
}

void CheckModel(const JsonFile& file) {
  const json& model = file.model();
  for (const char* flag : {"fuse_unk", "byte_fallback", "ignore_merges"}) {
    if (model.value(flag, json(false)) != json(false)) {
      file.Unsupported(std::string("model.") + flag, model.at(flag), "only false is implemented");
    }
  }
  for (const char* affix : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    const json value = model.value(affix, json());
    if (!value.is_null() && value != json(""))
      file.Unsupported(std::string("model.") + affix, value, "only none is implemented");
  }
  const json dropout = model.value("dropout", json());
  if (!dropout.is_null() && dropout != 0) file.Unsupported("model.dropout", dropout, "only none is implemented");
}

void CheckReading(const JsonFile& file) {
  const json normalizer = file.Part("normalizer");
  if (!normalizer.is_null()) file.Unsupported("normalizer", normalizer, "only none is implemented for BPE");
  const json pre_tokenizer = file.Part("pre_tokenizer");
  file.Require(pre_tokenizer, "pre_tokenizer.type", "type", "ByteLevel");
  file.Require(pre_tokenizer, "pre_tokenizer.add_prefix_space", "add_prefix_space", false);
  if (!pre_tokenizer.value("use_regex", true)) {
    file.Unsupported("pre_tokenizer.use_regex", false, "only true is implemented");
  }
}

}  // namespace

CompiledTokenizer CompileJsonBpe(JsonFile* file) {
  CheckModel(*file);
  CheckReading(*file);
  file->ReadVocabulary();
  CompiledTokenizer tokenizer = AssemblePieces(file->pieces());
  tokenizer.kind = schema::TokenizerKind_BYTE_BPE;
  AssembleSegmentation(file->path(), file->pieces(), &tokenizer);
  // Every text is made of these, so unk_id is never given.
  for (const std::string& piece : ByteLevelPieces()) file->IdOf(piece);
  const auto ranks = ReadMerges(*file);
  std::string key;
  const LastMerges merges = FindLastMerges(
      file->path(), file->pieces(), [&](std::string_view left, std::string_view right) -> std::optional<uint32_t> {
        key.assign(left).append(" ").append(right);
        const auto found = ranks.find(key);
        return found == ranks.end() ? std::nullopt : std::optional<uint32_t>(found->second);
      });
  tokenizer.segmentation.ranks = merges.ranks;
  tokenizer.segmentation.left_bytes = merges.left_bytes;
  tokenizer.reading.rule = schema::ReadingRule_BYTE_LEVEL;
  tokenizer.reading.classes = ByteLevelClasses();
  file->AddSurroundings(&tokenizer);
  file->AddSpecialTokens(&tokenizer);
  return tokenizer;
}

}  // namespace smx::tools
