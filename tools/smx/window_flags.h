#ifndef SMX_TOOLS_SMX_WINDOW_FLAGS_H_
#define SMX_TOOLS_SMX_WINDOW_FLAGS_H_

#include <string>

#include <CLI/CLI.hpp>

#include "smx/tokenizer.h"
#include "text_source.h"

namespace smx::tools {

/// --windows and --overlap of a subcommand.
class WindowFlags {
 public:
  /// `what` is pooled, such as "logits".
  void AddFlags(CLI::App* command, const std::string& what);

  WindowOptions options() const;

 private:
  std::string pooling_;
  size_t overlap_ = 0;
};

/// Adds a line about a text that was cut, or read in several windows.
void SayHowRead(const InputText& input, const TokenizeResult& tokens, std::string* words);

}  // namespace smx::tools

#endif  // SMX_TOOLS_SMX_WINDOW_FLAGS_H_
