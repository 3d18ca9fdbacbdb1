#include "output_file.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"

namespace smx::tools {
namespace {

[[noreturn]] void FailToWrite(const std::string& path) {
  throw Error(ExitCode::kCannotWrite, path + ": cannot write: " + std::strerror(errno));
}

/// 0, or -1 with errno.
int WriteAll(int fd, const std::vector<uint8_t>& bytes) {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = write(fd, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno != EINTR) return -1;
    if (n > 0) done += static_cast<size_t>(n);
  }
  return 0;
}

/// A file beside the final one that is gone again unless it was renamed.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& final_path) : path_(final_path + ".XXXXXX") {
    fd_ = mkstemp(path_.data());
    if (fd_ < 0) FailToWrite(final_path);
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    if (fd_ >= 0) close(fd_);
    if (!path_.empty()) unlink(path_.c_str());
  }

  void WriteAndRename(const std::vector<uint8_t>& bytes, const std::string& final_path) {
    // mkstemp gives 0600; what the user's umask allows is what a new file usually has.
    const mode_t mask = umask(0);
    umask(mask);
    if (WriteAll(fd_, bytes) != 0 || fchmod(fd_, 0666 & ~mask) != 0 || fsync(fd_) != 0) FailToWrite(final_path);
    const int fd = fd_;
    fd_ = -1;
    if (close(fd) != 0 || std::rename(path_.c_str(), final_path.c_str()) != 0) FailToWrite(final_path);
    path_.clear();
  }

 private:
  std::string path_;
  int fd_ = -1;
};

}  // namespace

void WriteWhole(const std::string& path, const std::vector<uint8_t>& bytes) {
  if (path == "-") {
    if (WriteAll(STDOUT_FILENO, bytes) != 0) FailToWrite("stdout");
    return;
  }
  struct stat info = {};
  if (stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    throw Error(ExitCode::kCannotWrite, path + ": cannot write: is not a regular file");
  }
  TemporaryFile(path).WriteAndRename(bytes, path);
}

void CheckNotSameFile(const std::string& output, const std::string& input) {
  struct stat a = {};
  struct stat b = {};
  if (stat(output.c_str(), &a) != 0 || stat(input.c_str(), &b) != 0) return;
  if (a.st_dev != b.st_dev || a.st_ino != b.st_ino) return;
  throw Error(ExitCode::kUsage, "output " + output + " is the same file as input " + input + "; choose another name");
}

std::vector<uint8_t> ReadWhole(const std::string& path) {
  const auto close = [](std::FILE* file) {
    if (file != stdin) std::fclose(file);
  };
  const auto fail = [&path](const char* what) {
    const int reason = errno;
    if (reason == ENOMEM) throw std::bad_alloc();
    throw Error(ExitCode::kBadInput, path + what + std::strerror(reason));
  };
  const std::unique_ptr<std::FILE, decltype(close)> file(path == "-" ? stdin : std::fopen(path.c_str(), "rb"), close);
  if (file == nullptr) fail(": cannot open: ");
  // Blocks are read as they are; and a buffer that was not read to its end would move the file's position when it is
  // closed, also for another process that has the file from us.
  if (file.get() != stdin) std::setvbuf(file.get(), nullptr, _IONBF, 0);
  std::vector<uint8_t> bytes;
  uint8_t buffer[1 << 16];
  size_t n;
  while ((n = std::fread(buffer, 1, sizeof(buffer), file.get())) > 0) bytes.insert(bytes.end(), buffer, buffer + n);
  if (std::ferror(file.get()) != 0) fail(": cannot read: ");
  return bytes;
}

}  // namespace smx::tools
