#include "base/mapped_file.h"

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

void AdvisePages(const void* begin, size_t size, int advice) {
  const uintptr_t page_bytes = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const uintptr_t first = reinterpret_cast<uintptr_t>(begin) & ~(page_bytes - 1);
  const size_t length = reinterpret_cast<uintptr_t>(begin) + size - first;
  // NOLINTNEXTLINE(performance-no-int-to-ptr): a page begins in front of the bytes
  madvise(reinterpret_cast<void*>(first), length, advice);
}

}  // namespace

Result<MappedFile> MappedFile::Open(const char* path, const Log& log) {
  // Not to wait for whoever may write into a pipe of that name.
  const Descriptor file = {open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.fd < 0) return Fail(log, Status::kIoError, "%s: %s", path, std::strerror(errno));
  return OfDescriptor(file.fd, path, log);
}

Result<MappedFile> MappedFile::OfDescriptor(int descriptor, const char* path, const Log& log) {
  struct stat info = {};
  if (fstat(descriptor, &info) != 0) {
    return Fail(log, Status::kIoError, "%s: %s", path, std::strerror(errno));
  }
  if (!S_ISREG(info.st_mode)) return Fail(log, Status::kIoError, "%s: not a regular file", path);
  if (info.st_size <= 0) return Fail(log, Status::kInvalidModel, "%s: 0 bytes, the header alone has more", path);
  const size_t size = static_cast<size_t>(info.st_size);
  void* bytes = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  if (bytes == MAP_FAILED) {
    const Status status = errno == ENOMEM ? Status::kOutOfMemory : Status::kIoError;
    return Fail(log, status, "%s: cannot map: %s", path, std::strerror(errno));
  }
  return MappedFile(Span<const uint8_t>(static_cast<const uint8_t*>(bytes), size));
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) munmap(const_cast<uint8_t*>(bytes_.data()), bytes_.size());
}

void ReleasePages(const void* begin, size_t size) { AdvisePages(begin, size, MADV_DONTNEED); }

void PrefetchPages(const void* begin, size_t size) { AdvisePages(begin, size, MADV_WILLNEED); }

}  // namespace smx
