#ifndef SMX_TOOLS_LIB_TOKENIZER_JSON_H_
#define SMX_TOOLS_LIB_TOKENIZER_JSON_H_

#include <string>

#include "tokenizer_compiler.h"

namespace smx::tools {

/// CompileTokenizerJson on the file's content; `path` is for errors.
CompiledTokenizer CompileJson(const std::string& path, const std::string& content);

}  // namespace smx::tools

#endif  // SMX_TOOLS_LIB_TOKENIZER_JSON_H_
