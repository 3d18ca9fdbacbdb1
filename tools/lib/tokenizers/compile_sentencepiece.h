#ifndef SMX_TOOLS_LIB_TOKENIZERS_COMPILE_SENTENCEPIECE_H_
#define SMX_TOOLS_LIB_TOKENIZERS_COMPILE_SENTENCEPIECE_H_

#include <string>
#include <string_view>

#include "compiled_tokenizer.h"

namespace smx::tools {

/// A .model of SentencePiece, Unigram or BPE; `path` is for messages. A text is surrounded by [CLS] and [SEP] where the
/// model has these as control pieces, else by nothing. Error(kBadInput) for a model that contradicts itself,
/// Error(kUnsupported) naming the switch or kind of piece that is not implemented.
CompiledTokenizer CompileSentencePiece(const std::string& path, std::string_view content);

}  // namespace smx::tools

#endif  // SMX_TOOLS_LIB_TOKENIZERS_COMPILE_SENTENCEPIECE_H_
