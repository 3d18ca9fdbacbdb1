#ifndef SMX_TOOLS_SMX_INSPECT_REPORT_H_
#define SMX_TOOLS_SMX_INSPECT_REPORT_H_

#include <string>

#include <nlohmann/json.hpp>

#include "smx/model.h"

namespace smx::tools {

/// Everything that `smx inspect` knows of a model: card, configuration, layers, tensors, plan of the arena.
nlohmann::ordered_json InspectionOf(const Model& model, const std::string& path, bool verified_all);

/// The same as a page with pictures: sizes of the parameters, and the arena over the steps of a run.
std::string InspectionHtml(const nlohmann::ordered_json& report);

}  // namespace smx::tools

#endif  // SMX_TOOLS_SMX_INSPECT_REPORT_H_
