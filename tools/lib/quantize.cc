#include "quantize.h"

#include <algorithm>
#include <cmath>

#include "error.h"

namespace smx::tools {

QuantizedParameter QuantizeQc8w(const Parameter& parameter) {
  // Below this a scale would be subnormal, which kernels may flush to zero.
  constexpr float kSmallestScale = 1e-30f;
  const size_t cols = parameter.shape[1];
  const auto channel_of = [&](size_t i) { return parameter.channel_axis == 0 ? i / cols : i % cols; };

  QuantizedParameter out;
  out.scales.assign(parameter.shape[static_cast<size_t>(parameter.channel_axis)], 0.0f);
  for (size_t i = 0; i < parameter.values.size(); ++i) {
    float& largest = out.scales[channel_of(i)];
    largest = std::max(largest, std::fabs(parameter.values[i]));
  }
  for (float& scale : out.scales) scale = scale == 0.0f ? 1.0f : std::max(scale / 127.0f, kSmallestScale);
  for (size_t i = 0; i < parameter.values.size(); ++i) {
    const float value = std::nearbyint(parameter.values[i] / out.scales[channel_of(i)]);
    out.values.push_back(static_cast<int8_t>(std::clamp(value, -127.0f, 127.0f)));
  }
  return out;
}

Parameter DivideRows(const Parameter& kernel, const Parameter& input_scales) {
  Parameter divided = kernel;
  const size_t cols = kernel.shape[1];
  for (size_t i = 0; i < divided.values.size(); ++i) {
    divided.values[i] /= input_scales.values[i / cols];
    if (std::isfinite(divided.values[i])) continue;
    throw Error(ExitCode::kBadInput,
                kernel.name + ": value " + std::to_string(i) + " is too large to be divided by its input's scale");
  }
  return divided;
}

}  // namespace smx::tools
