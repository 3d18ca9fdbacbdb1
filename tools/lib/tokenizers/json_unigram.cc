#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "cluster_classes.h"
#include "json_file.h"
#include "normalization_table.h"
#include "parse_json.h"

namespace smx::tools {
namespace {

using nlohmann::json;

constexpr double kUnknownPenalty = 10.0;  // of the library `tokenizers`

/// Of the rounding errors that the library's JSON reader makes none may be missing: sums that would be equal without
/// them are not. It multiplies or divides the digits, as an integer, by a power of ten.
double AsTheLibraryReads(double value) {
  char text[32] = {};
  const char* end = std::to_chars(text, text + sizeof(text) - 1, std::abs(value), std::chars_format::scientific).ptr;
  uint64_t digits = 0;
  int exponent = 0;
  const char* c = text;
  for (bool is_fraction = false; c != end && *c != 'e'; ++c) {
    if (*c == '.') {
      is_fraction = true;
      continue;
    }
    digits = digits * 10 + static_cast<uint64_t>(*c - '0');
    if (is_fraction) --exponent;
  }
  if (c != end) exponent += std::atoi(c + 1);
  const double power = std::strtod(("1e" + std::to_string(std::abs(exponent))).c_str(), nullptr);
  const double read = exponent < 0 ? static_cast<double>(digits) / power : static_cast<double>(digits) * power;
  return std::signbit(value) ? -read : read;
}

/// Bytes of base64 with its padding; nothing else may be in it.
std::string DecodeBase64(const JsonFile& file, const std::string& text) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const char* const rule = "normalizer.precompiled_charsmap: must be base64, a multiple of 4 characters";
  size_t num_padding = 0;
  while (num_padding < 2 && num_padding < text.size() && text[text.size() - 1 - num_padding] == '=') ++num_padding;
  if (text.size() % 4 != 0) file.BadInput(rule);
  std::string bytes;
  uint32_t bits = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool is_padding = i >= text.size() - num_padding;
    const size_t digit = is_padding ? 0 : kDigits.find(text[i]);
    if (digit == std::string_view::npos) file.BadInput(rule);
    bits = bits << 6 | static_cast<uint32_t>(digit);
    if (i % 4 != 3) continue;
    for (const int shift : {16, 8, 0}) bytes += static_cast<char>(bits >> shift & 0xff);
  }
  bytes.resize(bytes.size() - num_padding);
  return bytes;
}

/// The steps of a normalizer, which is one, or a Sequence of them, or null: pairs of quotation marks, then groups of
/// NFKD, StripAccents and Lowercase, then the character map. Runs of spaces may be shortened behind the last two: no
/// token holds a space.
class NormalizerSteps {
 public:
  NormalizerSteps(const JsonFile& file, CompiledTokenizer* tokenizer) : file_(file), tokenizer_(tokenizer) {
    const json normalizer = file.Part("normalizer");
    if (normalizer.is_null()) return;
    const bool is_sequence = normalizer.value("type", "") == "Sequence";
    steps_ = is_sequence ? normalizer.at("normalizers") : json::array({normalizer});
  }

  void Read() {
    tokenizer_->reading.joins_quotes = TakeQuotes();
    bool has_spaces = false;
    while (TakeGroup()) has_spaces = TakeSpaces();
    if (num_groups_ > 0) AddTable();
    if (next_ < steps_.size() && !has_spaces && steps_[next_].value("type", "") == "Precompiled") {
      const std::string map = steps_[next_++].at("precompiled_charsmap").get<std::string>();
      AddCharsMap(file_.path() + ": normalizer.precompiled_charsmap", DecodeBase64(file_, map), &tokenizer_->reading);
    }
    TakeSpaces();
    if (next_ == steps_.size()) return;
    file_.Unsupported("normalizer, step " + std::to_string(next_), steps_[next_],
                      "only [`` and ''] [NFKD StripAccents Lowercase] [Precompiled] [spaces], in this order, are "
                      "implemented");
  }

 private:
  static json Replace(const char* kind, const char* pattern, const char* content) {
    return {{"type", "Replace"}, {"pattern", {{kind, pattern}}}, {"content", content}};
  }

  bool Take(const json& step) {
    if (next_ == steps_.size() || steps_[next_] != step) return false;
    ++next_;
    return true;
  }

  bool TakeSpaces() { return Take(Replace("Regex", " {2,}", " ")); }

  bool TakeQuotes() {
    if (!Take(Replace("String", "``", "\""))) return false;
    if (Take(Replace("String", "''", "\""))) return true;
    --next_;
    return false;
  }

  /// A second group changes nothing if it is like the first.
  bool TakeGroup() {
    const size_t begin = next_;
    if (Take({{"type", "NFKD"}}) && Take({{"type", "StripAccents"}})) {
      const bool lowercase = Take({{"type", "Lowercase"}});
      if (num_groups_ == 0 || lowercase == lowercase_) {
        lowercase_ = lowercase;
        ++num_groups_;
        return true;
      }
    }
    next_ = begin;
    return false;
  }

  void AddTable() {
    const NormalizationTable& table = StrippedNfkd(lowercase_);
    tokenizer_->block_index = table.block_index;
    tokenizer_->blocks = table.blocks;
    tokenizer_->sequences = table.sequences;
    tokenizer_->decompose_hangul = table.decompose_hangul;
    tokenizer_->unicode_version = table.unicode_version;
  }

  const JsonFile& file_;
  CompiledTokenizer* tokenizer_;
  json steps_ = json::array();
  size_t next_ = 0;
  size_t num_groups_ = 0;
  bool lowercase_ = false;
};

void CheckPreTokenizer(const JsonFile& file) {
  const json pre_tokenizer = file.Part("pre_tokenizer");
  file.Require(pre_tokenizer, "pre_tokenizer.type", "type", "Sequence");
  const json& steps = pre_tokenizer.at("pretokenizers");
  if (steps.size() != 2 || steps[0] != json{{"type", "WhitespaceSplit"}}) {
    file.Unsupported("pre_tokenizer.pretokenizers", steps, "only WhitespaceSplit and Metaspace are implemented");
  }
  const json& metaspace = steps[1];
  file.Require(metaspace, "pre_tokenizer.pretokenizers, step 1: type", "type", "Metaspace");
  file.Require(metaspace, "pre_tokenizer.pretokenizers, step 1: replacement", "replacement", "\u2581");
  for (const auto& [key, expected] : {std::pair("prepend_scheme", json("always")),
                                      std::pair("add_prefix_space", json(true)), std::pair("split", json(true))}) {
    if (metaspace.contains(key))
      file.Require(metaspace, "pre_tokenizer.pretokenizers, step 1: " + std::string(key), key, expected);
  }
}

void AddScores(const JsonFile& file, const std::vector<double>& scores, CompiledSegmentation* rules) {
  const json id = file.model().value("unk_id", json());
  const bool is_id = id.is_number_unsigned() && id.get<uint64_t>() < scores.size();
  if (!is_id) file.BadInput("model.unk_id is " + ShortText(id) + ", must be the id of a piece");
  rules->unk_id = id.get<uint32_t>();
  for (const double score : scores) rules->double_scores.push_back(AsTheLibraryReads(score));
  const double lowest = *std::min_element(rules->double_scores.begin(), rules->double_scores.end());
  // Else two unknown code points may be worth more than the piece that they are together, which the library then gives.
  if (lowest > 0) file.Unsupported("model.vocab: the lowest score", lowest, "only one up to 0 is implemented");
  rules->unk_score = lowest - kUnknownPenalty;
}

}  // namespace

CompiledTokenizer CompileJsonUnigram(JsonFile* file) {
  const json byte_fallback = file->model().value("byte_fallback", json(false));
  if (byte_fallback != false) file->Unsupported("model.byte_fallback", byte_fallback, "only false is implemented");
  CheckPreTokenizer(*file);
  const std::vector<double> scores = file->ReadScoredVocabulary();
  CompiledTokenizer tokenizer = AssemblePieces(file->pieces());
  tokenizer.kind = schema::TokenizerKind_UNIGRAM;
  AssembleSegmentation(file->path(), file->pieces(), &tokenizer);
  AddScores(*file, scores, &tokenizer.segmentation);
  tokenizer.reading.rule = schema::ReadingRule_METASPACE;
  tokenizer.reading.classes = ClusterClasses();
  NormalizerSteps(*file, &tokenizer).Read();
  file->AddSurroundings(&tokenizer);
  file->AddSpecialTokens(&tokenizer);
  return tokenizer;
}

}  // namespace smx::tools
