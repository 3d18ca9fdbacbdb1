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

/// Every tensor that the configuration needs is there, with its shape, and no other; tensors fill their segments; fills
/// `weights` with views into the file. Scales are positive normal numbers; other values are not read.
///
/// @retval kInvalidModel, kUnsupported, kOutOfMemory
Status BindWeights(const VerifiedFile& file, const ModelConfig& config, const Log& log, ModelWeights* weights);

/// Kernels that read the same activations are of one type; pooler and heads are float32.
///
/// @retval kInvalidModel, kUnsupported
Status CheckTypes(const ModelConfig& config, const ModelWeights& weights, const Log& log);

/// Values, or scales, of a tensor: bytes [begin, end) of a segment, begin a multiple of 64.
struct TensorExtent {
  uint32_t segment;
  uint64_t begin, end;
  const char* tensor;
};

/// Side by side in their segments, without overlap or hole: so the weights together are no larger than the file, and a
/// small file cannot ask for much memory by naming the same bytes many times. Sorts `extents`, which are all of them.
///
/// @retval kInvalidModel
Status CheckExtents(const VerifiedFile& file, Span<TensorExtent> extents, const Log& log);

}  // namespace smx

#endif  // SMX_MODEL_CHECK_H_
