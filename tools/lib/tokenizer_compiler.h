#ifndef SMX_TOOLS_LIB_TOKENIZER_COMPILER_H_
#define SMX_TOOLS_LIB_TOKENIZER_COMPILER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "schema/model_generated.h"

namespace smx::tools {

/// How a vocab.txt is to be used; the defaults of BERT. A tokenizer.json says it itself.
struct TokenizerSwitches {
  bool clean_text = true;
  bool handle_chinese_chars = true;
  bool lowercase = true;
  std::optional<bool> strip_accents;  // as lowercase when not set
};

/// Everything that schema::Tokenizer needs, and the model's pad_id.
struct CompiledTokenizer {
  std::vector<uint8_t> pieces;
  std::vector<uint32_t> piece_offsets;
  std::vector<uint32_t> hash_index;
  uint32_t cls_id = 0;
  uint32_t sep_id = 0;
  uint32_t unk_id = 0;
  uint32_t pad_id = 0;
  bool clean_text = true;
  bool handle_chinese_chars = true;
  bool strip_accents = true;
  bool lowercase = true;
  std::vector<std::pair<uint32_t, std::string>> special_tokens;
  std::vector<uint16_t> block_index;
  std::vector<uint16_t> blocks;
  std::vector<uint32_t> sequences;
  bool decompose_hangul = false;
  std::string unicode_version;
  uint32_t max_chars_per_word = 100;
  std::string continuing_prefix = "##";

  size_t num_pieces() const { return piece_offsets.size() - 1; }
};

/// One piece per line, its id being the line's number from 0; LF or CRLF; UTF-8; no piece is empty, ends in white space
/// or occurs twice; [PAD], [UNK], [CLS] and [SEP] are there. Of these and [MASK] those that occur are special tokens.
/// Error(kBadInput) names file, line, value and rule.
CompiledTokenizer CompileVocabTxt(const std::string& path, const TokenizerSwitches& switches);

/// The same from the file's content and without what the switches decide, the normalization, which stays empty.
CompiledTokenizer CompilePieces(const std::string& path, std::string_view content);

/// A tokenizer.json of Hugging Face: BertNormalizer, BertPreTokenizer, WordPiece, BertProcessing or what equals it as
/// TemplateProcessing. Error(kUnsupported) names any other part; truncation, padding and decoder are ignored.
CompiledTokenizer CompileTokenizerJson(const std::string& path);

/// By content: a JSON object or the lines of a vocabulary. `switches` are for the latter only.
CompiledTokenizer CompileTokenizer(const std::string& path, const TokenizerSwitches& switches);

flatbuffers::Offset<schema::Tokenizer> WriteTokenizer(flatbuffers::FlatBufferBuilder& builder,
                                                      const CompiledTokenizer& tokenizer);

/// The parts that both kinds of file lead to: pieces, which the caller has checked, and their hash index. Ids, special
/// tokens and word rules are left to the caller.
CompiledTokenizer AssemblePieces(const std::vector<std::string>& pieces);

/// The same with the normalization.
CompiledTokenizer AssembleTokenizer(const std::vector<std::string>& pieces, const TokenizerSwitches& switches);

}  // namespace smx::tools

#endif  // SMX_TOOLS_LIB_TOKENIZER_COMPILER_H_
