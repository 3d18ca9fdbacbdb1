#include "base/file_replacement.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

namespace smx {
namespace {

constexpr char kSuffix[] = ".new";
constexpr int kMaxLocks = 8;

}  // namespace

FileReplacement::~FileReplacement() {
  // While the lock is held: nobody else's file has the name.
  if (is_new_) unlink(new_path_.data());
  if (descriptor_ >= 0) close(descriptor_);
}

Status FileReplacement::FailWithErrno() const {
  return Fail(log_, Status::kIoError, "%s: cannot write: %s", path_, std::strerror(errno));
}

/// Opens the new file and locks it; not when another process has renamed it between the two.
Status FileReplacement::Lock(bool* is_locked) {
  if (descriptor_ >= 0) close(std::exchange(descriptor_, -1));
  descriptor_ = open(new_path_.data(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
  if (descriptor_ < 0) return FailWithErrno();
  if (flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return FailWithErrno();
    return Fail(log_, Status::kIoError, "%s: cannot write: another one is just writing it", path_);
  }
  struct stat opened = {};
  struct stat named = {};
  if (fstat(descriptor_, &opened) != 0) return FailWithErrno();
  if (!S_ISREG(opened.st_mode)) {
    return Fail(log_, Status::kIoError, "%s: cannot write: %s is not a regular file", path_, new_path_.data());
  }
  *is_locked = lstat(new_path_.data(), &named) == 0 && named.st_dev == opened.st_dev && named.st_ino == opened.st_ino;
  return Status::kOk;
}

Status FileReplacement::Open(const char* path, const Log& log) {
  path_ = path;
  log_ = log;
  const size_t length = std::strlen(path);
  SMX_TRY(new_path_.Allocate(length + sizeof(kSuffix)));
  std::memcpy(new_path_.data(), path, length);
  std::memcpy(new_path_.data() + length, kSuffix, sizeof(kSuffix));
  bool is_locked = false;
  for (int i = 0; i < kMaxLocks && !is_locked; ++i) SMX_TRY(Lock(&is_locked));
  if (!is_locked) return Fail(log_, Status::kIoError, "%s: cannot write: others keep renaming it", path_);
  is_new_ = true;
  return ftruncate(descriptor_, 0) == 0 ? Status::kOk : FailWithErrno();
}

Status FileReplacement::Write(Span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = write(descriptor_, bytes.data(), bytes.size());
    if (n < 0 && errno != EINTR) return FailWithErrno();
    if (n > 0) bytes = bytes.subspan(static_cast<size_t>(n), bytes.size() - static_cast<size_t>(n));
  }
  return Status::kOk;
}

Status FileReplacement::Commit() {
  if (fsync(descriptor_) != 0 || std::rename(new_path_.data(), path_) != 0) return FailWithErrno();
  is_new_ = false;
  return Status::kOk;
}

}  // namespace smx
