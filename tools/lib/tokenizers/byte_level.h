#ifndef SMX_TOOLS_LIB_TOKENIZERS_BYTE_LEVEL_H_
#define SMX_TOOLS_LIB_TOKENIZERS_BYTE_LEVEL_H_

#include <string>
#include <vector>

#include "compiled_tokenizer.h"

namespace smx::tools {

/// What each byte is written as in pieces of GPT-2's kind, [256].
std::vector<std::string> ByteLevelPieces();

/// schema::ByteLevelClass of each code point, as the library sees it.
CompiledClasses ByteLevelClasses();

}  // namespace smx::tools

#endif  // SMX_TOOLS_LIB_TOKENIZERS_BYTE_LEVEL_H_
