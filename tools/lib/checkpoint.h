#ifndef SMX_TOOLS_LIB_CHECKPOINT_H_
#define SMX_TOOLS_LIB_CHECKPOINT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "model_config.h"
#include "safetensors.h"

namespace smx::tools {

/// A parameter array in the form and place that the model file gives it, still in float32.
struct Parameter {
  std::string name;
  std::vector<uint32_t> shape;  // heads merged: [d_model, d_model]; experts apart
  std::vector<float> values;
  int channel_axis = -1;  // the axis of the output channels; -1: always stays float32
  uint32_t segment = 0;   // which segment of the file it goes to
};

/// What an int8 file has beside the checkpoint: products that read the same input multiply it by `scales`, [inputs],
/// before it is quantized, and have rows of their kernels divided by them.
struct InputScales {
  Parameter scales;
  std::vector<std::string> kernels;  // names of parameters, [inputs, outputs]
};

struct Checkpoint {
  std::vector<Parameter> parameters;
  uint32_t num_segments = 0;
  uint32_t first_expert_segment = 0;  // from here on, one segment per expert of each layer
};

/// Takes the arrays that `config` asks for under the reference's names, and cuts experts out of axis 1. `path` is for
/// messages. Error(kBadInput) naming the array for one that is missing, surplus, of another shape, or holds NaN or
/// infinity.
Checkpoint ReadCheckpoint(const std::string& path, const ArrayMap& arrays, const ModelConfig& config);

/// SHA-256 of the names, shapes and values of all parameters in order of names: the same whatever the checkpoint's
/// files were.
std::vector<uint8_t> HashOfParameters(const Checkpoint& checkpoint);

}  // namespace smx::tools

#endif  // SMX_TOOLS_LIB_CHECKPOINT_H_
