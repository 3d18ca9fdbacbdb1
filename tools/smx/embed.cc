#include <memory>

#include "commands.h"
#include "error.h"

namespace smx::tools {

// The name is taken and its flags are fixed, so that a script learns why it fails; what it does is not built yet.
void AddEmbed(CLI::App* app) {
  CLI::App* command = app->add_subcommand("embed", "One vector per text (not built in this version)");
  command->allow_extras();
  command->callback([] { throw Error(ExitCode::kUnsupported, "embed: is not built in this version"); });
}

}  // namespace smx::tools
