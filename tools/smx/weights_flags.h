#ifndef SMX_TOOLS_SMX_WEIGHTS_FLAGS_H_
#define SMX_TOOLS_SMX_WEIGHTS_FLAGS_H_

#include <cstddef>
#include <string>

#include <CLI/CLI.hpp>

#include "smx/model.h"

namespace smx::tools {

/// --weights-cache and --experts-budget of a subcommand that runs a model.
class WeightsFlags {
 public:
  void AddFlags(CLI::App* command);

  /// The model at `model_path`, which keeps what the flags say.
  Model Load(const std::string& model_path) const;

 private:
  std::string cache_;
  size_t experts_budget_ = 0;
};

}  // namespace smx::tools

#endif  // SMX_TOOLS_SMX_WEIGHTS_FLAGS_H_
