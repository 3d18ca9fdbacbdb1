#ifndef SMX_TOOLS_SMX_TEXT_SOURCE_H_
#define SMX_TOOLS_SMX_TEXT_SOURCE_H_

#include <functional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace smx::tools {

/// One text as it came, any bytes, and where from, such as "argument 1" or "texts.txt: line 3".
struct InputText {
  std::string text;
  std::string text_pair;
  bool has_pair = false;
  std::string place;
};

/// TEXT ..., --input FILE|- and --jsonl of a subcommand.
class TextSource {
 public:
  void AddFlags(CLI::App* command);

  /// Calls `use` for every text in order: arguments, or the lines of the input as they arrive. A line that is not UTF-8
  /// gets a word on stderr and is used all the same: the tokenizer reads U+FFFD for what is broken.
  /// Error(kUsage) when there is no text or two sources, Error(kBadInput) for a file or a JSON line that cannot be
  /// read.
  void ForEach(const std::function<void(const InputText&)>& use) const;

 private:
  void ForEachLine(const std::function<void(const InputText&)>& use) const;

  std::vector<std::string> texts_;
  std::string input_;
  bool is_jsonl_ = false;
};

}  // namespace smx::tools

#endif  // SMX_TOOLS_SMX_TEXT_SOURCE_H_
