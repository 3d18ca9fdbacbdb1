#include "weights_flags.h"

#include "engine.h"
#include "output_file.h"
#include "program.h"

namespace smx::tools {

void WeightsFlags::AddFlags(CLI::App* command) {
  constexpr long long kMostBytes = 1ll << 40;
  CLI::Option* const cache = command->add_option(
      "--weights-cache", cache_,
      "Keep packed weights in this file, so that the next start maps them; made where it is missing "
      "or stale");
  command
      ->add_option("--experts-budget", experts_budget_,
                   "Bytes of experts to keep in memory, at least two experts; the others are read again from the cache")
      ->check(CountFlag(1, kMostBytes))
      ->needs(cache);
}

Model WeightsFlags::Load(const std::string& model_path) const {
  LoadOptions options;
  if (!cache_.empty()) {
    CheckNotSameFile(cache_, model_path);
    options.weights_cache_path = cache_.c_str();
  }
  options.experts_budget_bytes = experts_budget_;
  return LoadModel(model_path, options);
}

}  // namespace smx::tools
