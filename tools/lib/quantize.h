#ifndef SMX_TOOLS_LIB_QUANTIZE_H_
#define SMX_TOOLS_LIB_QUANTIZE_H_

#include <cstdint>
#include <vector>

#include "checkpoint.h"

namespace smx::tools {

/// int8 values, symmetric, with a scale per output channel.
struct QuantizedParameter {
  std::vector<int8_t> values;  // as many as the parameter has, -127..127
  std::vector<float> scales;   // [shape[channel_axis]], positive
};

/// qc8w of a two-dimensional parameter along its channel_axis:
///
///   scale = max |value of the channel| / 127, at least 1e-30; 1 for a channel of zeros
///   int8  = round half to even (value / scale)
QuantizedParameter QuantizeQc8w(const Parameter& parameter);

/// `kernel` [inputs, outputs] for inputs that are multiplied by `input_scales` first: its rows are divided by them.
/// Error(kBadInput) where that is no finite number.
Parameter DivideRows(const Parameter& kernel, const Parameter& input_scales);

}  // namespace smx::tools

#endif  // SMX_TOOLS_LIB_QUANTIZE_H_
