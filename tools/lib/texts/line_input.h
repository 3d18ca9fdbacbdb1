#ifndef SMX_TOOLS_LIB_TEXTS_LINE_INPUT_H_
#define SMX_TOOLS_LIB_TEXTS_LINE_INPUT_H_

#include <cstddef>
#include <optional>
#include <string>

namespace smx::tools {

/// What can be read of an input without waiting for it.
enum class Ahead { kSomething, kNothingYet, kEnd };

/// The lines of a file, a pipe or a terminal, of any length and any bytes, as they arrive.
class LineInput {
 public:
  /// `path` may be "-" for stdin. Error(kBadInput) naming path and reason.
  explicit LineInput(const std::string& path);
  LineInput(const LineInput&) = delete;
  LineInput& operator=(const LineInput&) = delete;
  ~LineInput();

  /// "stdin" or the path.
  const std::string& name() const { return name_; }
  bool IsTerminal() const;

  /// Whether Next has a line now, or an Error.
  Ahead Look();

  /// Waits for the next line; without its end, LF or CRLF, which the last one need not have. False behind it.
  /// Error(kBadInput) when the input cannot be read.
  bool Next(std::string* line);

  /// Of a file of known size: the part of it, 0..1, that Next has given.
  std::optional<double> share() const;

 private:
  bool FindLineEnd();
  void Read();

  std::string name_;
  int fd_ = 0;
  bool is_owned_ = false;
  std::string buffer_;      // lines before begin_ are gone
  size_t begin_ = 0;        // of the next line
  size_t line_end_ = 0;     // no LF in begin_ .. line_end_ - 1
  bool is_at_end_ = false;  // or cannot be read any further
  int error_ = 0;           // why it cannot
  double given_bytes_ = 0;
  double all_bytes_ = 0;  // 0: not known
};

}  // namespace smx::tools

#endif  // SMX_TOOLS_LIB_TEXTS_LINE_INPUT_H_
