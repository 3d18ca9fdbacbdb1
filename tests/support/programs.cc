#include "support/programs.h"

#include <doctest/doctest.h>

#include "support/models.h"

namespace smx::tests {

const std::string& ShippedModel() {
  static const TemporaryFolder folder;
  static const std::string path = [] {
    const ProcessResult made = RunQuantize({ShippedFolder() + "/model.safetensors", "-o", folder.Path("shipped.smx")});
    REQUIRE_MESSAGE(made.exit_code == 0, made.err);
    return folder.Path("shipped.smx");
  }();
  return path;
}

std::string GoldenModel(const TemporaryFolder& folder, const std::string& name, const std::vector<std::string>& flags) {
  const std::string path = folder.Path(name + ".smx");
  std::vector<std::string> arguments = {GoldenFolder(name) + "/params.safetensors", "-o", path, "--type", "f32"};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  const ProcessResult made = RunQuantize(arguments);
  REQUIRE_MESSAGE(made.exit_code == 0, made.err);
  return path;
}

std::string ModelWithKeys(const TemporaryFolder& folder, const std::string& source, const nlohmann::json& keys) {
  nlohmann::json config = ReadConfig(source);
  config.update(keys);
  if (config.contains("tokenizer")) config["tokenizer"]["file"] = source + "/vocab.txt";
  const std::string checkpoint = source + (source == ShippedFolder() ? "/model" : "/params") + ".safetensors";
  const std::string model = folder.Path("model.smx");
  const ProcessResult made =
      RunQuantize({checkpoint, "-o", model, "--config", folder.Write("config.json", config.dump())});
  REQUIRE_MESSAGE(made.exit_code == 0, made.err);
  CHECK(made.err.empty());
  return model;
}

std::vector<Row> ShippedRows(size_t every) {
  const std::vector<std::string> lines = SplitLines(ReadFile(ShippedFolder() + "/test.tsv"));
  std::vector<Row> rows;
  for (size_t i = 1; i < lines.size(); i += every) {
    const std::vector<std::string> fields = Split(lines[i], '\t');
    rows.push_back({fields.at(0), fields.at(1)});
  }
  return rows;
}

std::string Tsv(const std::vector<Row>& rows) {
  std::string tsv = "text\tlabel\n";
  for (const Row& row : rows) tsv += row.text + "\t" + row.label + "\n";
  return tsv;
}

ProcessResult RunSmx(const std::vector<std::string>& arguments, const std::string& input) {
  return RunProgram("smx", arguments, input);
}

ProcessResult RunQuantize(const std::vector<std::string>& arguments) { return RunProgram("smx-quantize", arguments); }

std::string SmxOut(const std::vector<std::string>& arguments, const std::string& input) {
  const ProcessResult result = RunSmx(arguments, input);
  REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  return result.out;
}

std::vector<std::string> SmxLines(const std::vector<std::string>& arguments, const std::string& input) {
  const std::string out = SmxOut(arguments, input);
  REQUIRE((out.empty() || out.back() == '\n'));
  return SplitLines(out);
}

nlohmann::json SmxJson(const std::vector<std::string>& arguments, const std::string& input) {
  return nlohmann::json::parse(SmxOut(arguments, input));
}

std::vector<nlohmann::json> SmxJsonLines(const std::vector<std::string>& arguments, const std::string& input) {
  std::vector<nlohmann::json> objects;
  for (const std::string& line : SmxLines(arguments, input)) objects.push_back(nlohmann::json::parse(line));
  return objects;
}

std::vector<std::string> SplitLines(const std::string& text) {
  std::vector<std::string> lines = Split(text, '\n');
  if (lines.back().empty()) lines.pop_back();
  return lines;
}

std::vector<std::string> Split(const std::string& text, char at) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == at) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

bool Holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

void CheckRefused(const ProcessResult& result, int exit_code, const std::vector<std::string>& words) {
  CAPTURE(result.err);
  CHECK(result.exit_code == exit_code);
  CHECK(result.out.empty());
  for (const std::string& word : words) {
    CAPTURE(word);
    CHECK(Holds(result.err, word));
  }
}

nlohmann::json ReadConfig(const std::string& folder) {
  return nlohmann::json::parse(ReadFile(folder + "/config.json"));
}

std::string WriteArrays(const TemporaryFolder& folder, const std::string& name, const tools::ArrayMap& arrays) {
  const std::vector<uint8_t> bytes = tools::SerializeSafetensors(arrays);
  return folder.Write(name, std::string(bytes.begin(), bytes.end()));
}

}  // namespace smx::tests
