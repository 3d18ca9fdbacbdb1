#include "support/process.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace smx::tests {
namespace {

/// Streams go through files, so that no pipe can fill up and block.
[[noreturn]] void Exec(const std::vector<char*>& argv, const TemporaryFolder& folder, const std::string& stdout_path) {
  const auto redirect = [&](const std::string& path, int flags, int target) {
    const int fd = open(path.c_str(), flags, 0600);
    if (fd < 0 || dup2(fd, target) < 0) _exit(126);
  };
  redirect(folder.Path("stdin"), O_RDONLY, 0);
  redirect(stdout_path.empty() ? folder.Path("stdout") : stdout_path, O_WRONLY | O_CREAT, 1);
  redirect(folder.Path("stderr"), O_WRONLY | O_CREAT, 2);
  execv(argv[0], argv.data());
  _exit(127);
}

}  // namespace

std::vector<std::string> CommandWords(const std::string& program, const std::vector<std::string>& arguments) {
  std::vector<std::string> words;
  if (program[0] == '/') {
    words = {program};
  } else {
#ifdef SMX_EMULATOR
    words = {SMX_EMULATOR, "-L", SMX_EMULATOR_SYSROOT};
#endif
    words.push_back(std::string(SMX_BIN_DIR) + "/" + program);
  }
  words.insert(words.end(), arguments.begin(), arguments.end());
  return words;
}

ProcessResult RunProgram(const std::string& program, const std::vector<std::string>& arguments,
                         const std::string& input, const std::string& stdout_path) {
  const TemporaryFolder folder;
  folder.Write("stdin", input);
  const std::vector<std::string> words = CommandWords(program, arguments);
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("fork failed");
  if (child == 0) Exec(argv, folder, stdout_path);
  int status = 0;
  waitpid(child, &status, 0);
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return {code, ReadFile(folder.Path("stdout")), ReadFile(folder.Path("stderr"))};
}

TemporaryFolder::TemporaryFolder() {
  std::string path = (std::filesystem::temp_directory_path() / "smx_test_XXXXXX").string();
  if (mkdtemp(path.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
  path_ = path;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TemporaryFolder::Write(const std::string& name, const std::string& content) const {
  std::ofstream file(Path(name), std::ios::binary);
  file << content;
  file.close();
  if (!file) throw std::runtime_error("cannot write " + Path(name));
  return Path(name);
}

std::vector<std::string> TemporaryFolder::List() const {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(path_)) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

}  // namespace smx::tests
