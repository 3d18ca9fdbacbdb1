#include "support/running_program.h"

#include <csignal>
#include <stdexcept>

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace smx::tests {
namespace {

constexpr int kSeconds = 30;

void Close(int* fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

}  // namespace

RunningProgram::RunningProgram(const std::string& program, const std::vector<std::string>& arguments,
                               const std::string& stderr_path, const std::string& stdout_path) {
  const std::vector<std::string> words = CommandWords(program, arguments);
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  int in[2], out[2];
  if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) throw std::runtime_error("pipe failed");
  std::signal(SIGPIPE, SIG_IGN);
  child_ = fork();
  if (child_ < 0) throw std::runtime_error("fork failed");
  if (child_ == 0) {
    std::signal(SIGPIPE, SIG_DFL);
    const int err = open(stderr_path.c_str(), O_WRONLY);
    const int given = stdout_path.empty() ? out[1] : open(stdout_path.c_str(), O_WRONLY);
    if (dup2(in[0], 0) < 0 || dup2(given, 1) < 0 || dup2(err, 2) < 0) _exit(126);
    execv(argv[0], argv.data());
    _exit(127);
  }
  close(in[0]);
  close(out[1]);
  input_ = in[1];
  output_ = out[0];
}

RunningProgram::~RunningProgram() {
  CloseInput();
  CloseOutput();
  if (child_ < 0) return;
  kill(child_, SIGKILL);
  waitpid(child_, nullptr, 0);
}

bool RunningProgram::Write(const std::string& text) {
  for (size_t done = 0; done < text.size();) {
    const ssize_t n = write(input_, text.data() + done, text.size() - done);
    if (n < 0) return false;
    done += static_cast<size_t>(n);
  }
  return true;
}

void RunningProgram::CloseInput() { Close(&input_); }
void RunningProgram::CloseOutput() { Close(&output_); }

std::string RunningProgram::ReadLine() {
  std::string line;
  pollfd output = {output_, POLLIN, 0};
  for (char c = 0; poll(&output, 1, kSeconds * 1000) > 0 && read(output_, &c, 1) == 1 && c != '\n';) line += c;
  return line;
}

int RunningProgram::Wait() {
  int status = 0;
  rusage usage = {};
  for (int i = 0; i < kSeconds * 100; ++i) {
    if (wait4(child_, &status, WNOHANG, &usage) == child_) {
      child_ = -1;
      peak_kb_ = usage.ru_maxrss;
      return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    usleep(10'000);
  }
  return -1;
}

}  // namespace smx::tests
