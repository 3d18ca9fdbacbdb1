#ifndef SMX_TESTS_SUPPORT_INPUT_SCALES_H_
#define SMX_TESTS_SUPPORT_INPUT_SCALES_H_

#include <string>
#include <vector>

#include "model_writer.h"

namespace smx::tests {

/// Gives `content` scales for the inputs `kernels` [inputs, outputs], named `name`; `scale(j)` is that of input j.
template <typename Scale>
void AddInputScales(const std::string& name, const std::vector<std::string>& kernels, Scale scale,
                    tools::ModelContent* content) {
  for (const tools::Parameter& kernel : content->checkpoint.parameters) {
    if (kernel.name != kernels[0]) continue;
    tools::Parameter scales = {name, {kernel.shape[0]}, {}, -1, kernel.segment};
    for (size_t j = 0; j < kernel.shape[0]; ++j) scales.values.push_back(scale(j));
    content->input_scales.push_back({scales, kernels});
  }
}

/// The same wherever a model file may have them.
template <typename Scale>
void AddAllInputScales(Scale scale, tools::ModelContent* content) {
  for (size_t i = 0; i < content->config.layers.size(); ++i) {
    const std::string self = "encoder/attention_" + std::to_string(i) + "/self/";
    AddInputScales(self + "input_scale", {self + "query/kernel", self + "key/kernel", self + "value/kernel"}, scale,
                   content);
    for (const char* dense : {"/intermediate", "/output"}) {
      const std::string name = "encoder/feed_forward_" + std::to_string(i) + dense;
      AddInputScales(name + "/input_scale", {name + "/kernel"}, scale, content);
    }
  }
}

}  // namespace smx::tests

#endif  // SMX_TESTS_SUPPORT_INPUT_SCALES_H_
