#ifndef SMX_TOOLS_LIB_ERROR_H_
#define SMX_TOOLS_LIB_ERROR_H_

#include <algorithm>
#include <stdexcept>
#include <string>

namespace smx::tools {

/// Exit codes of all programs; a contract, design of the command line.
enum class ExitCode : int {
  kOk = 0,
  kCheckFailed = 1,  // for example accuracy below a gate
  kUsage = 2,
  kBadInput = 3,     // an input file is damaged or contradicts another
  kUnsupported = 4,  // a sound model that is not supported here
  kCannotWrite = 5,  // the output could not be written, or not enough memory
};

/// Ends a program with `code` and a message that names place, value and rule. Caught in main only.
class Error : public std::runtime_error {
 public:
  Error(ExitCode code, const std::string& message) : std::runtime_error(WithoutNul(message)), code_(code) {}
  ExitCode code() const { return code_; }

 private:
  /// what() ends at the first NUL, and names from a file may hold one.
  static std::string WithoutNul(std::string message) {
    std::replace(message.begin(), message.end(), '\0', ' ');
    return message;
  }

  ExitCode code_;
};

}  // namespace smx::tools

#endif  // SMX_TOOLS_LIB_ERROR_H_
