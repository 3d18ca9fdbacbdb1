#include "text_source.h"

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

}  // namespace

nlohmann::ordered_json JsonOf(const InputText& input) {
  nlohmann::ordered_json object = {{"text", ReplaceInvalidUtf8(input.text)}};
  if (input.has_pair) object["text_pair"] = ReplaceInvalidUtf8(input.text_pair);
  return object;
}

void TextSource::AddFlags(CLI::App* command) {
  command->add_option("text", texts_, "Texts")->type_name("TEXT");
  command->add_option("--input", input_, "Read texts from FILE, one per line; - is stdin")->type_name("FILE");
  command->add_flag("--jsonl", is_jsonl_, "Each input line is {\"text\": ..., \"text_pair\": ... optional}");
}

std::unique_ptr<TextReader> TextSource::Open() const {
  if (texts_.empty() == input_.empty()) {
    throw Error(ExitCode::kUsage, "give either TEXT ... or --input FILE (- is stdin)");
  }
  if (is_jsonl_ && input_.empty()) throw Error(ExitCode::kUsage, "--jsonl reads lines: give --input FILE (- is stdin)");
  auto lines = input_.empty() ? nullptr : std::make_unique<LineInput>(input_);
  return std::make_unique<TextReader>(texts_, std::move(lines), is_jsonl_);
}

Ahead TextReader::Look() {
  if (lines_ != nullptr) return lines_->Look();
  return num_given_ < arguments_.size() ? Ahead::kSomething : Ahead::kEnd;
}

bool TextReader::Next(InputText* input) {
  std::string line;
  const bool is_there = lines_ != nullptr ? lines_->Next(&line) : num_given_ < arguments_.size();
  if (!is_there) return false;
  ++num_given_;
  if (lines_ == nullptr) {
    *input = {arguments_[num_given_ - 1], "", false, "argument " + std::to_string(num_given_)};
    return true;
  }
  const std::string place = lines_->name() + ": line " + std::to_string(num_given_);
  *input = is_jsonl_ ? ParseLine(line, place) : InputText{std::move(line), "", false, place};
  return true;
}

std::optional<double> TextReader::share() const {
  if (lines_ != nullptr) return lines_->share();
  return static_cast<double>(num_given_) / static_cast<double>(arguments_.size());
}

}  // namespace smx::tools
