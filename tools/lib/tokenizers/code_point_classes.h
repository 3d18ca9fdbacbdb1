#ifndef SMX_TOOLS_LIB_TOKENIZERS_CODE_POINT_CLASSES_H_
#define SMX_TOOLS_LIB_TOKENIZERS_CODE_POINT_CLASSES_H_

#include <cstdint>
#include <functional>

#include "compiled_tokenizer.h"

namespace smx::tools {

/// A table of what `class_of` gives for each code point; equal blocks are stored once.
CompiledClasses BuildCodePointClasses(const std::function<uint8_t(char32_t)>& class_of);

}  // namespace smx::tools

#endif  // SMX_TOOLS_LIB_TOKENIZERS_CODE_POINT_CLASSES_H_
