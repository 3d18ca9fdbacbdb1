#ifndef SMX_TOOLS_LIB_TOKENIZERS_CLUSTER_CLASSES_H_
#define SMX_TOOLS_LIB_TOKENIZERS_CLUSTER_CLASSES_H_

#include "compiled_tokenizer.h"

namespace smx::tools {

/// schema::ClusterClass of every code point in Unicode 17, which Hugging Face's library `tokenizers` 0.23 has, with
/// kClusterWhitespaceBit for White_Space. Made once.
const CompiledClasses& ClusterClasses();

}  // namespace smx::tools

#endif  // SMX_TOOLS_LIB_TOKENIZERS_CLUSTER_CLASSES_H_
