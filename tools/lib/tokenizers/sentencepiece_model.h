#ifndef SMX_TOOLS_LIB_TOKENIZERS_SENTENCEPIECE_MODEL_H_
#define SMX_TOOLS_LIB_TOKENIZERS_SENTENCEPIECE_MODEL_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace smx::tools {

// What decides how SentencePiece reads a text, of the protobuf that it saves, sentencepiece_model.proto. Read here and
// not by its library, whose interface gives pieces, scores and types, but neither the character map nor the switches.

struct SentencePiece {
  enum Type { kNormal = 1, kUnknown, kControl, kUserDefined, kUnused, kByte };

  std::string text;
  float score = 0;
  int type = kNormal;
};

struct SentencePieceModel {
  enum Type { kUnigram = 1, kBpe, kWord, kChar };

  std::vector<SentencePiece> pieces;
  int type = kUnigram;
  bool byte_fallback = false;
  bool treat_whitespace_as_suffix = false;
  std::string charsmap;  // precompiled: bytes of the double array in 4 bytes, the double array, texts
  bool add_dummy_prefix = true;
  bool remove_extra_whitespaces = true;
  bool escape_whitespaces = true;
};

/// Error(kBadInput) naming `path` for what is no such protobuf, or has a piece that is empty or not UTF-8.
SentencePieceModel ParseSentencePieceModel(const std::string& path, std::string_view content);

}  // namespace smx::tools

#endif  // SMX_TOOLS_LIB_TOKENIZERS_SENTENCEPIECE_MODEL_H_
