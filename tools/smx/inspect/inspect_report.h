#ifndef SMX_TOOLS_SMX_INSPECT_REPORT_H_
#define SMX_TOOLS_SMX_INSPECT_REPORT_H_

#include <string>

#include <nlohmann/json.hpp>

#include "smx/model.h"

namespace smx::tools {

struct InspectOptions {
  size_t run_length = 0;      // tokens of a made-up text that is run, to see the rows that are computed; 0: no run
  bool verified_all = false;  // whether the hashes of all weights were checked
};

/// Everything that `smx inspect` knows of a model: card, configuration, layers, tensors, plan of the arena, and the
/// steps of a run.
nlohmann::ordered_json InspectionOf(const Model& model, const std::string& path, const InspectOptions& options);

/// The same as a page with pictures: sizes of the parameters, the steps of a run, and the arena over them.
std::string InspectionHtml(const nlohmann::ordered_json& report);

}  // namespace smx::tools

#endif  // SMX_TOOLS_SMX_INSPECT_REPORT_H_
