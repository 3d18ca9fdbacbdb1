#include <memory>

#include <nlohmann/json.hpp>

#include "answer_texts.h"
#include "commands.h"
#include "engine.h"
#include "smx/tokenizer.h"
#include "utf8.h"

namespace smx::tools {
namespace {

using nlohmann::ordered_json;

struct TokenizeFlags {
  std::string model;
  TextSource texts;
  bool no_special = false;
  bool json = false;
};

struct Tokens {
  std::vector<int32_t> ids, type_ids;
  std::vector<TokenOffset> offsets;
};

/// The whole text, however long: the first call counts when the guess was too small.
Tokens TokenizeWhole(const Tokenizer& tokenizer, const InputText& input, const TokenizeOptions& options) {
  size_t capacity = 16 + (input.text.size() + input.text_pair.size()) / 3;
  Tokens tokens;
  std::vector<uint8_t> scratch(tokenizer.scratch_bytes());
  while (true) {
    tokens.ids.resize(capacity);
    tokens.type_ids.resize(capacity);
    tokens.offsets.resize(capacity);
    TokenizeResult result;
    const Status status = tokenizer.Tokenize(input.text, input.pair(), options,
                                             {Span<int32_t>(tokens.ids), Span<int32_t>(tokens.type_ids),
                                              Span<TokenOffset>(tokens.offsets), Span<uint8_t>(scratch)},
                                             &result);
    EngineErrors().Check(status, input.place);
    capacity = result.num_tokens_whole;
    if (result.truncated()) continue;
    tokens.ids.resize(capacity);
    tokens.type_ids.resize(capacity);
    tokens.offsets.resize(capacity);
    return tokens;
  }
}

std::string Line(const Tokenizer& tokenizer, const Tokens& tokens) {
  std::string ids, pieces;
  for (const int32_t id : tokens.ids) {
    ids += (ids.empty() ? "" : " ") + std::to_string(id);
    (pieces += pieces.empty() ? "" : " ") += Printable(std::string(tokenizer.Piece(id)));
  }
  return ids + '\t' + pieces + '\n';
}

std::string JsonLine(const Tokenizer& tokenizer, const InputText& input, const Tokens& tokens) {
  ordered_json line = JsonOf(input);
  line["ids"] = tokens.ids;
  line["pieces"] = ordered_json::array();
  line["offsets"] = ordered_json::array();
  for (size_t i = 0; i < tokens.ids.size(); ++i) {
    line["pieces"].push_back(ReplaceInvalidUtf8(tokenizer.Piece(tokens.ids[i])));
    line["offsets"].push_back({tokens.offsets[i].begin, tokens.offsets[i].end});
  }
  line["type_ids"] = tokens.type_ids;
  return line.dump() + '\n';
}

}  // namespace

void AddTokenize(CLI::App* app) {
  const auto flags = std::make_shared<TokenizeFlags>();
  CLI::App* command = app->add_subcommand("tokenize", "Show the tokens of texts, whole, not truncated");
  command->add_option("model", flags->model, "Model file, .smx")->required();
  flags->texts.AddFlags(command);
  command->add_flag("--no-special", flags->no_special, "Without [CLS] and [SEP]");
  command->add_flag("--json", flags->json, "One JSON object per text, with byte offsets");
  command->footer(
      "Prints one line per text: ids, a tab, pieces, each split by spaces.\n"
      "Offsets count bytes of the text as it came; where it was not UTF-8, \"text\" shows U+FFFD.\n"
      "Examples:\n"
      "  smx tokenize model.smx \"Where is my new card?\"\n"
      "  smx tokenize model.smx --input texts.txt --json --no-special");
  command->callback([flags] {
    const Model model = LoadModel(flags->model);
    Result<Tokenizer> created = Tokenizer::Create(model);
    if (!created.ok()) {
      throw Error(ExitCode::kUnsupported, flags->model + ": holds no tokenizer; smx-quantize --tokenizer adds one");
    }
    const Tokenizer& tokenizer = created.value();
    TokenizeOptions options;
    options.add_special_tokens = !flags->no_special;
    const auto answer = [&](const InputText& input, TextOutput* output) {
      const Tokens tokens = TokenizeWhole(tokenizer, input, options);
      output->answer = flags->json ? JsonLine(tokenizer, input, tokens) : Line(tokenizer, tokens);
    };
    AnswerTexts(flags->texts, {"tokenize", 1}, [&](const Options&, EngineNotes) { return answer; });
  });
}

}  // namespace smx::tools
