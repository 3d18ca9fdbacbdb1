#ifndef SMX_TOOLS_LIB_TOKENIZERS_TOKENIZER_JSON_H_
#define SMX_TOOLS_LIB_TOKENIZERS_TOKENIZER_JSON_H_

#include <string>

#include "tokenizer_compiler.h"

namespace smx::tools {

/// CompileTokenizerJson on the file's content, without the normalization, which `switches` decide; `path` is for
/// errors.
CompiledTokenizer CompileJsonPieces(const std::string& path, const std::string& content, TokenizerSwitches* switches);

}  // namespace smx::tools

#endif  // SMX_TOOLS_LIB_TOKENIZERS_TOKENIZER_JSON_H_
