#include "tsv.h"

#include <algorithm>
#include <string_view>

#include "error.h"
#include "output_file.h"
#include "utf8.h"

namespace smx::tools {
namespace {

std::vector<std::string> Split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string Join(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ", ") + part;
  return text;
}

size_t ColumnOf(const std::string& path, const std::vector<std::string>& header, const std::string& name,
                const char* flag) {
  const auto found = std::find(header.begin(), header.end(), name);
  if (found != header.end()) return static_cast<size_t>(found - header.begin());
  throw Error(ExitCode::kBadInput,
              path + ": line 1: no column \"" + name + "\"; there are: " + Join(header) + ". Choose one with " + flag);
}

/// Lines without their ends, LF or CRLF; a last line end begins no further line.
std::vector<std::string> Lines(const std::string& path, const char* needed) {
  const std::vector<uint8_t> bytes = ReadWhole(path);
  std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.substr(0, 3) == "\xef\xbb\xbf") text.remove_prefix(3);
  if (text.empty()) throw Error(ExitCode::kBadInput, path + ": empty; " + needed + " is needed");
  if (text.back() == '\n') text.remove_suffix(1);
  std::vector<std::string> lines = Split(text, '\n');
  for (std::string& line : lines) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
  }
  return lines;
}

void CheckUtf8(const std::string& line, const std::string& place) {
  const size_t at = FirstInvalidUtf8(line);
  if (at == line.size()) return;
  throw Error(ExitCode::kBadInput, place + ": byte " + std::to_string(at + 1) + " is " +
                                       std::to_string(static_cast<unsigned char>(line[at])) +
                                       ", which is not UTF-8 there");
}

std::string PlaceOf(const std::string& path, size_t line) { return path + ": line " + std::to_string(line); }

}  // namespace

std::vector<LabelledText> ReadTsv(const std::string& path, const TsvColumns& columns) {
  const std::vector<std::string> lines = Lines(path, "a header line, such as text<TAB>label,");
  const std::vector<std::string> header = Split(lines[0], '\t');
  const size_t text = ColumnOf(path, header, columns.text, "--text");
  const bool has_label = !columns.label.empty();
  const size_t label = has_label ? ColumnOf(path, header, columns.label, "--label") : 0;
  const bool has_pair = !columns.text_pair.empty();
  const size_t pair = has_pair ? ColumnOf(path, header, columns.text_pair, "--text-pair") : 0;
  std::vector<LabelledText> texts;
  for (size_t i = 1; i < lines.size(); ++i) {
    const std::string place = PlaceOf(path, i + 1);
    const std::vector<std::string> values = Split(lines[i], '\t');
    if (values.size() != header.size()) {
      throw Error(ExitCode::kBadInput, place + ": " + std::to_string(values.size()) + " columns, the header has " +
                                           std::to_string(header.size()) + " (split by one tab)");
    }
    CheckUtf8(lines[i], place);
    texts.push_back({values[text], has_pair ? values[pair] : "", has_label ? values[label] : "", i + 1});
  }
  if (texts.empty()) throw Error(ExitCode::kBadInput, path + ": a header line and no text");
  return texts;
}

std::vector<LabelledText> ReadTexts(const std::string& path, const TsvColumns& columns) {
  constexpr std::string_view kTsv = ".tsv";
  const bool is_tsv = path.size() >= kTsv.size() && path.compare(path.size() - kTsv.size(), kTsv.size(), kTsv) == 0;
  if (is_tsv) return ReadTsv(path, {columns.text, columns.text_pair, ""});
  std::vector<LabelledText> texts;
  for (const std::string& line : Lines(path, "a text on each line")) {
    texts.push_back({line, "", "", texts.size() + 1});
    CheckUtf8(line, PlaceOf(path, texts.size()));
  }
  return texts;
}

size_t ClassOf(const std::string& label, const std::vector<std::string>& labels, size_t num_classes,
               const std::string& place) {
  const auto found = std::find(labels.begin(), labels.end(), label);
  if (found != labels.end()) return static_cast<size_t>(found - labels.begin());
  const bool is_number = !label.empty() && label.size() <= 9 &&
                         std::all_of(label.begin(), label.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (is_number && std::stoul(label) < num_classes) return std::stoul(label);
  throw Error(ExitCode::kBadInput, place + ": label \"" + label + "\" is neither a name of the model's " +
                                       std::to_string(num_classes) + " classes nor a class number (0.." +
                                       std::to_string(num_classes - 1) + ")");
}

std::vector<bool> ClassesOf(const std::string& cell, const std::vector<std::string>& labels, const std::string& place) {
  std::vector<bool> classes(labels.size());
  if (cell.empty()) return classes;
  for (const std::string& label : Split(cell, kLabelSeparator)) {
    const size_t index = ClassOf(label, labels, labels.size(), place);
    if (classes[index]) throw Error(ExitCode::kBadInput, place + ": label \"" + label + "\" is there twice");
    classes[index] = true;
  }
  return classes;
}

}  // namespace smx::tools
