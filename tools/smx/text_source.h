#ifndef SMX_TOOLS_SMX_TEXT_SOURCE_H_
#define SMX_TOOLS_SMX_TEXT_SOURCE_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json_fwd.hpp>

#include "line_input.h"

namespace smx::tools {

/// One text as it came, any bytes, and where from, such as "argument 1" or "texts.txt: line 3".
struct InputText {
  std::string text;
  std::string text_pair;
  bool has_pair = false;
  std::string place;

  /// As the engine takes it; without data when there is none.
  std::string_view pair() const { return has_pair ? std::string_view{text_pair} : std::string_view(); }
};

/// {"text": ..., "text_pair": ... if there is one}, as an answer in JSON begins.
nlohmann::ordered_json JsonOf(const InputText& input);

/// Texts one by one, in order.
class TextReader {
 public:
  /// `arguments`, which outlive this object, where `lines` is null.
  TextReader(const std::vector<std::string>& arguments, std::unique_ptr<LineInput> lines, bool is_jsonl)
      : arguments_(arguments), lines_(std::move(lines)), is_jsonl_(is_jsonl) {}

  /// Whether Next has a text now, or an Error.
  Ahead Look();

  /// Waits for the next text; false behind the last. Error(kBadInput) for an input or a JSON line that cannot be read.
  bool Next(InputText* input);

  /// The part of all texts, 0..1, that Next has given, where it is known.
  std::optional<double> share() const;

  bool IsTerminal() const { return lines_ != nullptr && lines_->IsTerminal(); }

 private:
  const std::vector<std::string>& arguments_;
  const std::unique_ptr<LineInput> lines_;
  const bool is_jsonl_;
  size_t num_given_ = 0;
};

/// TEXT ..., --input FILE|- and --jsonl of a subcommand.
class TextSource {
 public:
  void AddFlags(CLI::App* command);

  /// Error(kUsage) when there is no text or two sources, Error(kBadInput) for a file that cannot be opened. This object
  /// outlives the reader.
  std::unique_ptr<TextReader> Open() const;

 private:
  std::vector<std::string> texts_;
  std::string input_;
  bool is_jsonl_ = false;
};

}  // namespace smx::tools

#endif  // SMX_TOOLS_SMX_TEXT_SOURCE_H_
