#include "compile_sentencepiece.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <unordered_map>

#include "bpe_merges.h"
#include "error.h"
#include "sentencepiece_model.h"

namespace smx::tools {
namespace {

constexpr float kUnknownPenalty = 10.0f;  // SentencePiece's kUnkPenalty

size_t NumCodePoints(const std::string& text) {
  const auto begins_one = [](char c) { return (static_cast<uint8_t>(c) & 0xc0) != 0x80; };
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), begins_one));
}

class Compiler {
 public:
  Compiler(const std::string& path, SentencePieceModel model) : path_(path), model_(std::move(model)) {}

  CompiledTokenizer Compile() {
    CheckSwitches();
    IndexPieces();
    CompiledTokenizer tokenizer = AssemblePieces(texts_);
    AssembleSegmentation(path_, texts_, &tokenizer);
    tokenizer.segmentation.unk_id = UnknownId();
    tokenizer.segmentation.byte_ids = ByteIds();
    if (model_.type == SentencePieceModel::kUnigram) {
      tokenizer.kind = schema::TokenizerKind_UNIGRAM;
      AddScores(&tokenizer.segmentation);
    } else {
      tokenizer.kind = schema::TokenizerKind_BPE;
      AddMerges(&tokenizer.segmentation);
    }
    AddReading(&tokenizer.reading);
    AddClsAndSep(&tokenizer);
    return tokenizer;
  }

 private:
  [[noreturn]] void Unsupported(const std::string& what) const {
    throw Error(ExitCode::kUnsupported, path_ + ": " + what + " is not implemented");
  }
  [[noreturn]] void BadInput(const std::string& what) const { throw Error(ExitCode::kBadInput, path_ + ": " + what); }

  void CheckSwitches() const {
    if (model_.type != SentencePieceModel::kUnigram && model_.type != SentencePieceModel::kBpe) {
      Unsupported("trainer_spec.model_type " + std::to_string(model_.type) + " (neither Unigram 1 nor BPE 2)");
    }
    if (model_.treat_whitespace_as_suffix) Unsupported("trainer_spec.treat_whitespace_as_suffix true");
    if (!model_.escape_whitespaces) Unsupported("normalizer_spec.escape_whitespaces false");
  }

  void IndexPieces() {
    for (const SentencePiece& piece : model_.pieces) {
      const std::string place = "piece " + std::to_string(texts_.size()) + " \"" + piece.text + "\"";
      if (piece.type < SentencePiece::kNormal || piece.type > SentencePiece::kByte) {
        BadInput(place + ": type " + std::to_string(piece.type) + ", must be 1..6");
      }
      if (piece.type == SentencePiece::kUserDefined) Unsupported(place + ": type USER_DEFINED");
      if (model_.type == SentencePieceModel::kBpe && piece.type != SentencePiece::kNormal) {
        // Found by SentencePiece under its name before the pieces are, or merged and then cut again.
        if (piece.type == SentencePiece::kUnused) Unsupported(place + ": type UNUSED in BPE");
        if (NumCodePoints(piece.text) == 1) Unsupported(place + ": one code point that is not NORMAL, in BPE,");
      }
      if (!ids_.emplace(piece.text, static_cast<uint32_t>(texts_.size())).second) {
        BadInput(place + ": a piece must not occur twice");
      }
      texts_.push_back(piece.text);
    }
    if (texts_.empty()) BadInput("no SentencePiece model: it has no pieces");
  }

  uint32_t UnknownId() const {
    const auto is_unknown = [](const SentencePiece& piece) { return piece.type == SentencePiece::kUnknown; };
    const auto count = std::count_if(model_.pieces.begin(), model_.pieces.end(), is_unknown);
    if (count != 1) BadInput(std::to_string(count) + " pieces of type UNKNOWN, must be one");
    return static_cast<uint32_t>(std::find_if(model_.pieces.begin(), model_.pieces.end(), is_unknown) -
                                 model_.pieces.begin());
  }

  /// Of the pieces <0x00> to <0xFF>, which are there exactly with byte_fallback.
  std::vector<uint32_t> ByteIds() const {
    std::vector<uint32_t> ids;
    for (int byte = 0; byte < 256 && model_.byte_fallback; ++byte) {
      char name[8];
      std::snprintf(name, sizeof(name), "<0x%02X>", byte);
      const auto found = ids_.find(name);
      if (found == ids_.end() || model_.pieces[found->second].type != SentencePiece::kByte) {
        BadInput(std::string("byte_fallback without a piece ") + name + " of type BYTE");
      }
      ids.push_back(found->second);
    }
    return ids;
  }

  bool IsNormal(size_t id) const { return model_.pieces[id].type == SentencePiece::kNormal; }

  void AddScores(CompiledSegmentation* rules) const {
    float lowest = FLT_MAX;
    for (size_t id = 0; id < texts_.size(); ++id) {
      const float score = model_.pieces[id].score;
      if (!std::isfinite(score)) BadInput("piece " + std::to_string(id) + ": its score must be finite");
      rules->scores.push_back(IsNormal(id) ? score : -std::numeric_limits<float>::infinity());
      if (IsNormal(id)) lowest = std::min(lowest, score);
    }
    rules->unk_score = lowest - kUnknownPenalty;
    rules->float_sums = true;
  }

  /// Any two neighbours merge that make a piece; the one of the highest score first.
  void AddMerges(CompiledSegmentation* rules) const {
    std::map<float, uint32_t, std::greater<>> ranks;
    for (size_t id = 0; id < texts_.size(); ++id) {
      if (IsNormal(id)) ranks.emplace(model_.pieces[id].score, 0);
    }
    uint32_t next = 0;
    for (auto& [score, rank] : ranks) rank = next++;
    std::string merged;
    const LastMerges last =
        FindLastMerges(path_, texts_, [&](std::string_view left, std::string_view right) -> std::optional<uint32_t> {
          merged.assign(left).append(right);
          const auto found = ids_.find(merged);
          if (found == ids_.end() || !IsNormal(found->second)) return std::nullopt;
          return ranks.at(model_.pieces[found->second].score);
        });
    rules->ranks = last.ranks;
    rules->left_bytes = last.left_bytes;
  }

  void AddReading(CompiledReading* reading) const {
    reading->rule = schema::ReadingRule_SENTENCEPIECE;
    reading->add_dummy_prefix = model_.add_dummy_prefix;
    reading->remove_extra_whitespaces = model_.remove_extra_whitespaces;
    if (!model_.charsmap.empty()) AddCharsMap(path_ + ": precompiled_charsmap", model_.charsmap, reading);
  }

  void AddClsAndSep(CompiledTokenizer* tokenizer) const {
    const auto cls = ids_.find("[CLS]");
    const auto sep = ids_.find("[SEP]");
    const bool has_both = cls != ids_.end() && sep != ids_.end() && !IsNormal(cls->second) && !IsNormal(sep->second);
    tokenizer->adds_cls = tokenizer->adds_sep = has_both;
    if (!has_both) return;
    tokenizer->cls_id = cls->second;
    tokenizer->sep_id = sep->second;
  }

  const std::string& path_;
  const SentencePieceModel model_;
  std::vector<std::string> texts_;
  std::unordered_map<std::string, uint32_t> ids_;
};

}  // namespace

CompiledTokenizer CompileSentencePiece(const std::string& path, std::string_view content) {
  return Compiler(path, ParseSentencePieceModel(path, content)).Compile();
}

}  // namespace smx::tools
