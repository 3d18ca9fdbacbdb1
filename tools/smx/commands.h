#ifndef SMX_TOOLS_SMX_COMMANDS_H_
#define SMX_TOOLS_SMX_COMMANDS_H_

#include <CLI/CLI.hpp>

namespace smx::tools {

// One per subcommand, each in the file of its name: adds it, its flags and its callback to `app`.
void AddBench(CLI::App* app);
void AddClassify(CLI::App* app);
void AddEmbed(CLI::App* app);
void AddEvaluate(CLI::App* app);
void AddFill(CLI::App* app);
void AddInspect(CLI::App* app);
void AddLabel(CLI::App* app);
void AddRun(CLI::App* app);
void AddTokenize(CLI::App* app);

}  // namespace smx::tools

#endif  // SMX_TOOLS_SMX_COMMANDS_H_
