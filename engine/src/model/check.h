#ifndef SMX_MODEL_CHECK_H_
#define SMX_MODEL_CHECK_H_

#include "model/config.h"
#include "model/file.h"
#include "model/weights.h"
#include "smx/platform.h"
#include "smx/status.h"

namespace smx {

/// Sizes and kinds in range and without contradiction; fills `config`. Names what this version does not build.
///
/// @retval kInvalidModel, kUnsupported, kOutOfMemory
Status CheckConfig(const schema::Model& model, const Log& log, ModelConfig* config);

/// Every tensor that the configuration needs is there, with its shape and inside of its segment, and no other; fills
/// `weights` with views into the file. Scales are positive normal numbers; other values are not read.
///
/// @retval kInvalidModel, kUnsupported, kOutOfMemory
Status BindWeights(const VerifiedFile& file, const ModelConfig& config, const Log& log, ModelWeights* weights);

}  // namespace smx

#endif  // SMX_MODEL_CHECK_H_
