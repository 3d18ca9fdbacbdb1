#include "model/mapped_file.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

namespace smx {
namespace {

/// Closes what it holds; the mapping outlives the descriptor.
struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) close(fd);
  }
};

}  // namespace

Result<MappedFile> MappedFile::Open(const char* path, const Log& log) {
  const Descriptor file = {open(path, O_RDONLY | O_CLOEXEC)};
  if (file.fd < 0) return Fail(log, Status::kIoError, "%s: %s", path, std::strerror(errno));
  struct stat info = {};
  if (fstat(file.fd, &info) != 0) {
    return Fail(log, Status::kIoError, "%s: %s", path, std::strerror(errno));
  }
  if (!S_ISREG(info.st_mode)) return Fail(log, Status::kIoError, "%s: not a regular file", path);
  if (info.st_size <= 0) {
    return Fail(log, Status::kInvalidModel, "%s: 0 bytes, a model file has at least its header", path);
  }
  const size_t size = static_cast<size_t>(info.st_size);
  void* bytes = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.fd, 0);
  if (bytes == MAP_FAILED) {
    const Status status = errno == ENOMEM ? Status::kOutOfMemory : Status::kIoError;
    return Fail(log, status, "%s: cannot map: %s", path, std::strerror(errno));
  }
  return MappedFile(Span<const uint8_t>(static_cast<const uint8_t*>(bytes), size));
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) munmap(const_cast<uint8_t*>(bytes_.data()), bytes_.size());
}

}  // namespace smx
