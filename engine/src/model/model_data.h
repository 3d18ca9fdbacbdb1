#ifndef SMX_MODEL_MODEL_DATA_H_
#define SMX_MODEL_MODEL_DATA_H_

#include "base/fixed_array.h"
#include "base/mapped_file.h"
#include "base/shared_slot.h"
#include "model/config.h"
#include "model/file.h"
#include "model/weights.h"
#include "smx/model.h"
#include "tokenizer/vocabulary.h"

namespace smx::internal {

/// Everything a Model holds: the file, what was proved of it, and typed views into it.
class ModelData {
 public:
  MappedFile mapping;  // empty when the bytes are the caller's
  VerifiedFile file;
  ModelConfig config;
  ModelWeights weights;
  ModelInfo info = {};

  /// Null when the file has none.
  const TokenizerView* tokenizer() const { return has_tokenizer ? &tokenizer_view : nullptr; }

  bool has_tokenizer = false;
  TokenizerView tokenizer_view;
  FixedArray<SpecialTokenView> special_tokens;  // what tokenizer_view points at

  FixedArray<char> weights_cache_path;  // as LoadOptions has it; empty: none
  mutable SharedSlot shared;            // what Encoders of this model share
};

}  // namespace smx::internal

#endif  // SMX_MODEL_MODEL_DATA_H_
