#ifndef SMX_TOOLS_LIB_FORMATS_BERT_ARRAYS_H_
#define SMX_TOOLS_LIB_FORMATS_BERT_ARRAYS_H_

#include <cstdint>
#include <string>

#include "model_config.h"
#include "safetensors.h"

namespace smx::tools {

/// Whether a Hugging Face checkpoint has the array `name`, with or without "bert." in front.
bool HasBertArray(const ArrayMap& arrays, const std::string& name);

/// The arrays of a Hugging Face BERT under the reference's names: dense kernels turned from [out, in] to [in, out],
/// those of attention cut into heads, the first max_seq_len of `max_position_embeddings` positions. Old names (gamma,
/// beta) are known; what no model here reads (position_ids, the heads of pre-training, cls.*) is left out. `path` is
/// for messages.
///
/// Error(kBadInput) naming the array for one that is missing, of another shape, there twice, or not known.
ArrayMap TakeBertArrays(const std::string& path, ArrayMap arrays, const ModelConfig& config,
                        uint32_t max_position_embeddings);

}  // namespace smx::tools

#endif  // SMX_TOOLS_LIB_FORMATS_BERT_ARRAYS_H_
