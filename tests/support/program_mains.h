#ifndef SMX_TESTS_SUPPORT_PROGRAM_MAINS_H_
#define SMX_TESTS_SUPPORT_PROGRAM_MAINS_H_

#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

/// The mains of the programs under other names, which the build gives them: to be run inside of a test's process.
int QuantizeMain(int argc, char** argv);
int SmxMain(int argc, char** argv);

namespace smx::tests {

using ProgramMain = int (*)(int argc, char** argv);

/// A command line that outlives the program, as that of a process does.
class CommandLine {
 public:
  CommandLine(ProgramMain program, std::vector<std::string> arguments)
      : program_(program), arguments_(std::move(arguments)) {
    for (std::string& argument : arguments_) argv_.push_back(argument.data());
    argv_.push_back(nullptr);
  }
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  int Run() { return program_(static_cast<int>(arguments_.size()), argv_.data()); }

 private:
  ProgramMain program_;
  std::vector<std::string> arguments_;
  std::vector<char*> argv_;
};

/// Until its end a stream of this process, 1 or 2, goes to a file.
class RedirectedStream {
 public:
  RedirectedStream(int stream, const std::string& path) : stream_(stream), saved_(dup(stream)) {
    Flush();
    const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
    dup2(file, stream);
    close(file);
  }
  RedirectedStream(const RedirectedStream&) = delete;
  RedirectedStream& operator=(const RedirectedStream&) = delete;
  ~RedirectedStream() {
    Flush();
    dup2(saved_, stream_);
    close(saved_);
  }

 private:
  static void Flush() {
    std::cout.flush();
    std::fflush(nullptr);
  }

  int stream_;
  int saved_;
};

}  // namespace smx::tests

#endif  // SMX_TESTS_SUPPORT_PROGRAM_MAINS_H_
