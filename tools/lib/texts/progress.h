#ifndef SMX_TOOLS_LIB_TEXTS_PROGRESS_H_
#define SMX_TOOLS_LIB_TEXTS_PROGRESS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace smx::tools {

/// Such as "evaluate [#####                    ]  20 %, 1234 done, 352/s, 14 s left"; without a share, 0..1, of a whole
/// of known size: "classify 1234 done, 352/s".
std::string ProgressText(const std::string& what, size_t done, std::optional<double> share, double seconds);

/// A progress bar on stderr when that is a terminal, else nothing. Drawn a few times a second; gone at the end.
class ProgressBar {
 public:
  /// `may_show` is false where something else is written to the terminal all the time.
  explicit ProgressBar(const std::string& what, bool may_show = true);
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  ~ProgressBar() { Clear(); }

  void Update(size_t done, size_t total);
  void UpdateShare(size_t done, std::optional<double> share);

  /// Before anything else is written to stderr.
  void Clear();

 private:
  const std::string what_;
  const bool may_show_;
  const int64_t start_;
  int64_t next_;
  bool is_shown_ = false;
};

}  // namespace smx::tools

#endif  // SMX_TOOLS_LIB_TEXTS_PROGRESS_H_
