#include "input_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"
#include "output_file.h"

namespace smx::tools {

InputFile::InputFile(const std::string& path) : path_(path) {
  struct stat info = {};
  const bool has_places = path != "-" && stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode);
  if (!has_places) {
    bytes_ = ReadWhole(path);
    size_ = bytes_.size();
    return;
  }
  fd_ = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd_ < 0 && errno == ENOMEM) throw std::bad_alloc();
  if (fd_ < 0) throw Error(ExitCode::kBadInput, path + ": cannot open: " + std::strerror(errno));
  size_ = static_cast<uint64_t>(info.st_size);
}

InputFile::InputFile(const std::string& path, std::vector<uint8_t> bytes)
    : path_(path), bytes_(std::move(bytes)), size_(bytes_.size()) {}

InputFile::InputFile(InputFile&& other) noexcept
    : path_(std::move(other.path_)), fd_(other.fd_), bytes_(std::move(other.bytes_)), size_(other.size_) {
  other.fd_ = -1;
}

InputFile::~InputFile() {
  if (fd_ >= 0) close(fd_);
}

void InputFile::Read(uint64_t offset, size_t count, uint8_t* out) const {
  if (fd_ < 0) {
    std::copy_n(bytes_.data() + offset, count, out);
    return;
  }
  for (size_t done = 0; done < count;) {
    const ssize_t n = pread(fd_, out + done, count - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw Error(ExitCode::kBadInput, path_ + ": cannot read: " + std::strerror(errno));
    if (n == 0) throw Error(ExitCode::kBadInput, path_ + ": has become shorter while it was read");
    done += static_cast<size_t>(n);
  }
}

}  // namespace smx::tools
