#include "line_input.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"

namespace smx::tools {
namespace {

constexpr size_t kReadBytes = 65536;
constexpr int kForEver = -1;

/// Whether to read would not wait; errors and the end are found by reading.
bool IsReadable(int fd, int milliseconds) {
  pollfd poll_fd = {fd, POLLIN, 0};
  return poll(&poll_fd, 1, milliseconds) > 0;
}

}  // namespace

LineInput::LineInput(const std::string& path) : name_(path == "-" ? "stdin" : path), is_owned_(path != "-") {
  if (is_owned_) fd_ = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat info = {};
  const bool is_there = fd_ >= 0 && fstat(fd_, &info) == 0;
  if (!is_there && errno == ENOMEM) throw std::bad_alloc();
  if (is_there && S_ISDIR(info.st_mode)) errno = EISDIR;
  if (!is_there || S_ISDIR(info.st_mode)) {
    const std::string reason = std::strerror(errno);
    if (is_owned_ && fd_ >= 0) close(fd_);
    throw Error(ExitCode::kBadInput, name_ + ": cannot open: " + reason);
  }
  if (!S_ISREG(info.st_mode)) return;
  const off_t begin = std::max<off_t>(0, lseek(fd_, 0, SEEK_CUR));
  all_bytes_ = std::max(0.0, static_cast<double>(info.st_size) - static_cast<double>(begin));
}

LineInput::~LineInput() {
  if (is_owned_) close(fd_);
}

bool LineInput::IsTerminal() const { return isatty(fd_) != 0; }

Ahead LineInput::Look() {
  while (!FindLineEnd() && !is_at_end_ && IsReadable(fd_, 0)) Read();
  if (line_end_ < buffer_.size() || error_ != 0) return Ahead::kSomething;
  if (!is_at_end_) return Ahead::kNothingYet;
  return begin_ < buffer_.size() ? Ahead::kSomething : Ahead::kEnd;
}

bool LineInput::Next(std::string* line) {
  while (!FindLineEnd() && !is_at_end_) {
    if (IsReadable(fd_, kForEver)) Read();
  }
  const bool is_whole = line_end_ < buffer_.size();
  if (!is_whole && error_ != 0) throw Error(ExitCode::kBadInput, name_ + ": cannot read: " + std::strerror(error_));
  if (!is_whole && begin_ == buffer_.size()) return false;
  line->assign(buffer_, begin_, line_end_ - begin_);
  if (!line->empty() && line->back() == '\r') line->pop_back();
  const size_t next = std::min(line_end_ + 1, buffer_.size());
  given_bytes_ += static_cast<double>(next - begin_);
  begin_ = line_end_ = next;
  return true;
}

std::optional<double> LineInput::share() const {
  if (all_bytes_ <= 0) return std::nullopt;
  return std::min(1.0, given_bytes_ / all_bytes_);
}

/// Looks at each byte once, however slowly a long line comes.
bool LineInput::FindLineEnd() {
  line_end_ = std::min(buffer_.find('\n', line_end_), buffer_.size());
  return line_end_ < buffer_.size();
}

void LineInput::Read() {
  buffer_.erase(0, begin_);
  line_end_ -= begin_;
  begin_ = 0;
  const size_t size = buffer_.size();
  buffer_.resize(size + kReadBytes);
  const ssize_t count = read(fd_, &buffer_[size], kReadBytes);
  const bool may_go_on = count > 0 || (count < 0 && (errno == EINTR || errno == EAGAIN));
  if (count < 0 && !may_go_on) error_ = errno;
  is_at_end_ = !may_go_on;
  buffer_.resize(size + static_cast<size_t>(std::max<ssize_t>(0, count)));
}

}  // namespace smx::tools
