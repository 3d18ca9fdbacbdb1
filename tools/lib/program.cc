#include "program.h"

#include <algorithm>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <iostream>
#include <new>
#include <string>
#include <vector>

#include <unistd.h>

#include "error.h"
#include "utf8.h"

namespace smx::tools {
namespace {

/// Names and values in a message may come from a hostile file, which must not have power over the terminal.
int Say(const CLI::App& app, const char* what, ExitCode code) {
  std::fprintf(stderr, "%s: %s\n", app.get_name().c_str(), Printable(what).c_str());
  return static_cast<int>(code);
}

const char* program_name = "";

[[noreturn]] void EndProgram() {
  for (const char* text : {program_name, ": not enough memory\n"}) {
    static_cast<void>(!write(STDERR_FILENO, text, std::strlen(text)));
  }
  _exit(static_cast<int>(ExitCode::kCannotWrite));
}

/// CLI11 takes an argument in brackets for a list and takes them off: the text [MASK] would be MASK. With this in front
/// it is no such argument; it is taken off again before a value is looked at.
constexpr char kMark = '\1';

std::string WithoutMark(const std::string& value) {
  return value.empty() || value.front() != kMark ? value : value.substr(1);
}

void TakeMarksOff(CLI::App* app) {
  for (CLI::Option* option : app->get_options(nullptr)) {
    if (option->get_type_size() > 0) option->transform(WithoutMark);
  }
  for (CLI::App* command : app->get_subcommands(nullptr)) TakeMarksOff(command);
}

/// Last first, as CLI11 wants them.
std::vector<std::string> MarkedArguments(int argc, char** argv) {
  std::vector<std::string> arguments;
  for (int i = argc - 1; i > 0; --i) {
    const std::string argument = argv[i];
    const bool needs_mark = !argument.empty() && (argument.front() == '[' || argument.front() == kMark);
    arguments.push_back(needs_mark ? kMark + argument : argument);
  }
  return arguments;
}

int ParseAndRun(CLI::App* app, int argc, char** argv) {
  try {
    TakeMarksOff(app);
    app->parse(MarkedArguments(argc, argv));
    return static_cast<int>(ExitCode::kOk);
  } catch (const CLI::ParseError& error) {
    return app->exit(error) == 0 ? 0 : static_cast<int>(ExitCode::kUsage);
  } catch (const Error& error) {
    return Say(*app, error.what(), error.code());
  } catch (const std::bad_alloc&) {
    return Say(*app, "not enough memory", ExitCode::kCannotWrite);
  } catch (const std::length_error&) {
    return Say(*app, "not enough memory", ExitCode::kCannotWrite);
  } catch (const std::exception& error) {
    return Say(*app, error.what(), ExitCode::kBadInput);
  }
}

}  // namespace

void EndWithoutMemory(const char* name) {
  program_name = name;
  std::set_new_handler(EndProgram);
}

int RunProgram(CLI::App* app, int argc, char** argv) {
  const int code = ParseAndRun(app, argc, argv);
  std::cout.flush();
  const bool is_written = std::cout.good() && std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
  if (code == 0 && !is_written) return Say(*app, "stdout: cannot write", ExitCode::kCannotWrite);
  return code;
}

CLI::Validator CountFlag(long long least, long long most) {
  const std::string rule = std::to_string(least) + ".." + std::to_string(most);
  const auto check = [least, most, rule](const std::string& text) -> std::string {
    const bool is_number =
        !text.empty() && text.size() < 18 && text.find_first_not_of("0123456789") == std::string::npos;
    if (is_number && std::stoll(text) >= least && std::stoll(text) <= most) return "";
    return "is " + text + ", must be a whole number " + rule;
  };
  return CLI::Validator(check, rule);
}

CLI::Validator ProbabilityFlag() {
  const auto check = [](const std::string& text) -> std::string {
    char* end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    const bool is_number = !text.empty() && *end == '\0';
    if (is_number && value >= 0 && value <= 1) return "";
    return "is " + text + ", must be a number 0..1";
  };
  return CLI::Validator(check, "0..1");
}

void AppendF(std::string* text, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const auto size = static_cast<size_t>(std::max(0, std::vsnprintf(nullptr, 0, format, arguments)));
  va_end(arguments);
  const size_t end = text->size();
  text->resize(end + size + 1);  // one more, for the NUL that C puts there
  va_start(arguments, format);
  std::vsnprintf(&(*text)[end], size + 1, format, arguments);
  va_end(arguments);
  text->pop_back();
}

std::string BytesText(unsigned long long bytes) {
  char text[32];
  if (bytes < 10'000) {
    std::snprintf(text, sizeof(text), "%llu bytes", bytes);
  } else if (bytes < 1'000'000) {
    std::snprintf(text, sizeof(text), "%.1f kB", static_cast<double>(bytes) / 1e3);
  } else {
    std::snprintf(text, sizeof(text), "%.2f MB", static_cast<double>(bytes) / 1e6);
  }
  return text;
}

}  // namespace smx::tools
