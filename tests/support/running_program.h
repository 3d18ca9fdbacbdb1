#ifndef SMX_TESTS_SUPPORT_RUNNING_PROGRAM_H_
#define SMX_TESTS_SUPPORT_RUNNING_PROGRAM_H_

#include <string>
#include <vector>

#include <sys/types.h>

#include "support/process.h"

namespace smx::tests {

/// A program of this build with pipes for stdin and stdout, for a test that talks to it. Killed at the end.
class RunningProgram {
 public:
  /// Stderr, and stdout where a path is given for it, go to files that are opened, not made.
  RunningProgram(const std::string& program, const std::vector<std::string>& arguments, const std::string& stderr_path,
                 const std::string& stdout_path = "");
  RunningProgram(const RunningProgram&) = delete;
  RunningProgram& operator=(const RunningProgram&) = delete;
  ~RunningProgram();

  /// False when the program reads no more.
  bool Write(const std::string& text);
  void CloseInput();
  void CloseOutput();

  /// The next line of stdout without its end, or what there is of it when no more comes, at least for half a minute.
  std::string ReadLine();

  /// The exit code, 128 + signal when a signal ended it; -1 when it has not ended within half a minute.
  int Wait();
  /// Most memory that it had, after Wait.
  long peak_kb() const { return peak_kb_; }

 private:
  pid_t child_ = -1;
  int input_ = -1, output_ = -1;
  long peak_kb_ = 0;
};

}  // namespace smx::tests

#endif  // SMX_TESTS_SUPPORT_RUNNING_PROGRAM_H_
