#ifndef SMX_TOOLS_LIB_TOKENIZERS_TOKENIZER_COMPILER_H_
#define SMX_TOOLS_LIB_TOKENIZERS_TOKENIZER_COMPILER_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiled_tokenizer.h"

namespace smx::tools {

/// How a vocab.txt is to be used; the defaults of BERT. A tokenizer.json says it itself.
struct TokenizerSwitches {
  bool clean_text = true;
  bool handle_chinese_chars = true;
  bool lowercase = true;
  std::optional<bool> strip_accents;  // as lowercase when not set
};

/// One piece per line, its id being the line's number from 0; LF or CRLF; UTF-8; no piece is empty, ends in white space
/// or occurs twice; [PAD], [UNK], [CLS] and [SEP] are there. Of these and [MASK] those that occur are special tokens.
/// Error(kBadInput) names file, line, value and rule.
CompiledTokenizer CompileVocabTxt(const std::string& path, const TokenizerSwitches& switches);

/// The same from the file's content and without what the switches decide, the normalization, which stays empty.
CompiledTokenizer CompilePieces(const std::string& path, std::string_view content);

/// A tokenizer.json of Hugging Face: WordPiece with BertNormalizer and BertPreTokenizer; or BPE with ByteLevel, as
/// GPT-2 has it; or Unigram as T5 and ALBERT have it. Around them BertProcessing, or a TemplateProcessing of at most
/// [CLS] A [SEP] B [SEP]. Error(kUnsupported) names any other part; truncation, padding and decoder are ignored.
CompiledTokenizer CompileTokenizerJson(const std::string& path);

/// By content: a JSON object, a SentencePiece model or the lines of a vocabulary. `switches` are for the last only.
CompiledTokenizer CompileTokenizer(const std::string& path, const TokenizerSwitches& switches);

/// Pieces, which the caller has checked, with the normalization. Ids, special tokens and word rules are left to the
/// caller.
CompiledTokenizer AssembleTokenizer(const std::vector<std::string>& pieces, const TokenizerSwitches& switches);

}  // namespace smx::tools

#endif  // SMX_TOOLS_LIB_TOKENIZERS_TOKENIZER_COMPILER_H_
