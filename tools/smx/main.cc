#include "commands.h"
#include "program.h"
#include "version.h"

int main(int argc, char** argv) {
  smx::tools::EndWithoutMemory("smx");
  CLI::App app("Runs Sparse Mixer text encoders from one model file, .smx", "smx");
  app.set_version_flag("--version", "smx " SMX_VERSION);
  app.require_subcommand(0, 1);
  app.callback([&] {
    if (app.get_subcommands().empty()) throw CLI::RequiredError("A subcommand, such as classify; see smx --help,");
  });
  app.footer(
      "Examples:\n"
      "  smx classify model.smx \"Where is my new card?\"\n"
      "  smx classify model.smx --input texts.txt > answers.txt\n"
      "  smx evaluate model.smx test.tsv\n"
      "  smx inspect model.smx --html report.html\n"
      "Each subcommand has a --help of its own.\n"
      "Exit codes: 0 ok, 1 a check failed, 2 usage, 3 bad input file, 4 model not supported here,\n"
      "5 could not write the output or not enough memory.");
  smx::tools::AddClassify(&app);
  smx::tools::AddEvaluate(&app);
  smx::tools::AddTokenize(&app);
  smx::tools::AddInspect(&app);
  smx::tools::AddBench(&app);
  smx::tools::AddRun(&app);
  smx::tools::AddEmbed(&app);
  smx::tools::AddFill(&app);
  smx::tools::AddLabel(&app);
  return smx::tools::RunProgram(&app, argc, argv);
}
