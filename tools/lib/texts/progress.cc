#include "progress.h"

#include <cstdio>

#include <unistd.h>

#include "program.h"
#include "smx/platform.h"

namespace smx::tools {
namespace {

constexpr int64_t kMicrosecondsBetween = 200'000;

void AppendTime(double seconds, std::string* text) {
  if (seconds < 100) return AppendF(text, "%.0f s", seconds);
  if (seconds < 6000) return AppendF(text, "%.0f min", seconds / 60);
  AppendF(text, "%.1f h", seconds / 3600);
}

}  // namespace

std::string ProgressText(const std::string& what, size_t done, std::optional<double> share, double seconds) {
  std::string text = what;
  if (share) {
    const std::string bar(static_cast<size_t>(25 * *share), '#');
    AppendF(&text, " [%-25s] %3.0f %%,", bar.c_str(), 100 * *share);
  }
  AppendF(&text, " %zu done", done);
  if (seconds <= 0) return text;
  const double rate = static_cast<double>(done) / seconds;
  AppendF(&text, rate < 10 ? ", %.1f/s" : ", %.0f/s", rate);
  if (!share || *share <= 0) return text;
  text += ", ";
  AppendTime(seconds * (1 - *share) / *share, &text);
  return text + " left";
}

ProgressBar::ProgressBar(const std::string& what, bool may_show)
    : what_(what),
      may_show_(may_show && isatty(STDERR_FILENO) != 0),
      start_(NowMicroseconds()),
      next_(start_ + kMicrosecondsBetween) {}

void ProgressBar::Update(size_t done, size_t total) {
  UpdateShare(done, total == 0 ? 1 : static_cast<double>(done) / static_cast<double>(total));
}

void ProgressBar::UpdateShare(size_t done, std::optional<double> share) {
  if (!may_show_) return;
  const int64_t now = NowMicroseconds();
  if (now < next_) return;
  next_ = now + kMicrosecondsBetween;
  is_shown_ = true;
  const std::string text = ProgressText(what_, done, share, static_cast<double>(now - start_) / 1e6);
  std::fprintf(stderr, "\r%s\033[K", text.c_str());
}

void ProgressBar::Clear() {
  if (is_shown_) std::fprintf(stderr, "\r\033[K");
  is_shown_ = false;
}

}  // namespace smx::tools
