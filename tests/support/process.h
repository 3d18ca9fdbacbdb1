#ifndef SMX_TESTS_SUPPORT_PROCESS_H_
#define SMX_TESTS_SUPPORT_PROCESS_H_

#include <string>
#include <vector>

namespace smx::tests {

/// How a program ended, and what it said.
struct ProcessResult {
  int exit_code;  // 128 + signal when a signal ended it
  std::string out;
  std::string err;
};

/// Runs a program of this build, such as "smx", or one of the system by its whole path, with `arguments` and `input` on
/// its stdin, and waits for it. `stdout_path` is where its stdout goes instead of into the result, such as /dev/full.
ProcessResult RunProgram(const std::string& program, const std::vector<std::string>& arguments,
                         const std::string& input = "", const std::string& stdout_path = "");

/// The command line that RunProgram runs: a program of a build for another processor is one of the emulator that its
/// toolchain file names.
std::vector<std::string> CommandWords(const std::string& program, const std::vector<std::string>& arguments);

/// A fresh folder that goes with this object, whatever is in it.
class TemporaryFolder {
 public:
  TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder();

  std::string Path(const std::string& name) const { return path_ + "/" + name; }
  /// Writes a file and returns its path.
  std::string Write(const std::string& name, const std::string& content) const;
  /// The names of the files in it, sorted.
  std::vector<std::string> List() const;

 private:
  std::string path_;
};

std::string ReadFile(const std::string& path);

}  // namespace smx::tests

#endif  // SMX_TESTS_SUPPORT_PROCESS_H_
