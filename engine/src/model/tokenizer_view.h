#ifndef SMX_MODEL_TOKENIZER_VIEW_H_
#define SMX_MODEL_TOKENIZER_VIEW_H_

#include "base/fixed_array.h"
#include "schema/model_generated.h"
#include "smx/platform.h"
#include "tokenizer/vocabulary.h"

namespace smx {

/// Points `view` into the file, and at `special_tokens`, which is filled. CheckTokenizer must follow.
///
/// @retval kUnsupported   a kind of tokenizer that is not built.
/// @retval kInvalidModel  a table that the kind needs is absent.
/// @retval kOutOfMemory
Status ViewTokenizer(const schema::Tokenizer& tokenizer, const Log& log, FixedArray<SpecialTokenView>* special_tokens,
                     TokenizerView* view);

}  // namespace smx

#endif  // SMX_MODEL_TOKENIZER_VIEW_H_
