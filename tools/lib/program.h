#ifndef SMX_TOOLS_LIB_PROGRAM_H_
#define SMX_TOOLS_LIB_PROGRAM_H_

#include <cstddef>
#include <functional>
#include <string>

#include <CLI/CLI.hpp>

namespace smx::tools {

/// From here on the process ends with a line on stderr and ExitCode::kCannotWrite where operator new fails. To throw
/// would not do: the JSON library needs memory to destroy a value, and a destructor that throws aborts. No output file
/// is half written then, see WriteWhole. The first call of main; `name` lives for ever.
void EndWithoutMemory(const char* name);

/// Parses the command line, runs the subcommand's callback, and turns everything that is thrown into a line on stderr
/// and the documented exit code. What was printed on stdout is flushed and checked: a full disk is an error too.
int RunProgram(CLI::App* app, int argc, char** argv);

/// For flags: a whole number from `least` to `most`, or a number 0..1 (NaN is none), with a message that says so.
CLI::Validator CountFlag(long long least, long long most);
CLI::Validator ProbabilityFlag();

/// What printf would print, behind `text`.
void AppendF(std::string* text, const char* format, ...) __attribute__((format(printf, 2, 3)));

/// "1.23 MB" and the like, powers of 1000.
std::string BytesText(unsigned long long bytes);

}  // namespace smx::tools

#endif  // SMX_TOOLS_LIB_PROGRAM_H_
