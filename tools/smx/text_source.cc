#include "text_source.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <new>

#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "error.h"
#include "utf8.h"

namespace smx::tools {
namespace {

using nlohmann::json;

InputText ParseLine(const std::string& line, const std::string& place) {
  const json object = json::parse(line, nullptr, /*allow_exceptions=*/false);
  const bool has_text = object.is_object() && object.contains("text") && object["text"].is_string();
  if (!has_text ||
      (object.contains("text_pair") && !object["text_pair"].is_string() && !object["text_pair"].is_null())) {
    throw Error(ExitCode::kBadInput, place +
                                         ": must be a JSON object such as {\"text\": \"...\"}, "
                                         "text_pair optional, both texts; found: " +
                                         ReplaceInvalidUtf8(line.substr(0, 80)));
  }
  InputText input = {object["text"].get<std::string>(), "", false, place};
  if (object.contains("text_pair") && object["text_pair"].is_string()) {
    input.text_pair = object["text_pair"].get<std::string>();
    input.has_pair = true;
  }
  return input;
}

void WarnUnlessUtf8(const InputText& input) {
  const size_t at = FirstInvalidUtf8(input.text);
  if (at == input.text.size()) return;
  std::fprintf(stderr, "%s: byte %zu is 0x%02x, not UTF-8; read as U+FFFD\n", input.place.c_str(), at + 1,
               static_cast<unsigned char>(input.text[at]));
}

/// False at the end. A stream that may not throw turns want of memory into a failed read, which is another exit code.
bool ReadLine(std::istream& lines, const std::string& name, std::string* line) {
  try {
    lines.exceptions(std::ios::badbit);
    return static_cast<bool>(std::getline(lines, *line));
  } catch (const std::ios_base::failure&) {
    throw Error(ExitCode::kBadInput, name + ": cannot read");
  }
}

}  // namespace

void TextSource::AddFlags(CLI::App* command) {
  command->add_option("text", texts_, "Texts")->type_name("TEXT");
  command->add_option("--input", input_, "Read texts from FILE, one per line; - is stdin")->type_name("FILE");
  command->add_flag("--jsonl", is_jsonl_, "Each input line is {\"text\": ..., \"text_pair\": ... optional}");
}

void TextSource::ForEach(const std::function<void(const InputText&)>& use) const {
  if (texts_.empty() == input_.empty()) {
    throw Error(ExitCode::kUsage, "give either TEXT ... or --input FILE (- is stdin)");
  }
  if (is_jsonl_ && input_.empty()) throw Error(ExitCode::kUsage, "--jsonl reads lines: give --input FILE (- is stdin)");
  if (!input_.empty()) return ForEachLine(use);
  for (size_t i = 0; i < texts_.size(); ++i) {
    const InputText input = {texts_[i], "", false, "argument " + std::to_string(i + 1)};
    WarnUnlessUtf8(input);
    use(input);
  }
}

void TextSource::ForEachLine(const std::function<void(const InputText&)>& use) const {
  std::ifstream file;
  const std::string name = input_ == "-" ? "stdin" : input_;
  if (input_ != "-") {
    struct stat info = {};
    if (stat(input_.c_str(), &info) == 0 && S_ISDIR(info.st_mode))
      errno = EISDIR;
    else
      file.open(input_, std::ios::binary);
    if (!file.is_open() && errno == ENOMEM) throw std::bad_alloc();
    if (!file.is_open()) throw Error(ExitCode::kBadInput, input_ + ": cannot open: " + std::strerror(errno));
  }
  std::istream& lines = input_ == "-" ? std::cin : file;
  std::string line;
  for (size_t number = 1; ReadLine(lines, name, &line); ++number) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    const std::string place = name + ": line " + std::to_string(number);
    const InputText input = is_jsonl_ ? ParseLine(line, place) : InputText{line, "", false, place};
    WarnUnlessUtf8(input);
    use(input);
  }
}

}  // namespace smx::tools
