#include <memory>
#include <optional>

#include <nlohmann/json.hpp>

#include "answer_texts.h"
#include "commands.h"
#include "engine.h"
#include "program.h"
#include "smx/embedder.h"
#include "weights_flags.h"
#include "window_flags.h"

namespace smx::tools {
namespace {

using nlohmann::ordered_json;

struct EmbedFlags {
  std::string model;
  TextSource texts;
  WindowFlags windows;
  std::string pooling = "mean";
  std::optional<size_t> threads;
  WeightsFlags weights;
  bool normalize = false;
  bool plain_text = false;
  bool json = false;
};

class Embed {
 public:
  explicit Embed(const EmbedFlags& flags) : flags_(flags), model_(flags.weights.Load(flags.model)) {
    options_.pooling = flags.pooling == "cls" ? Pooling::kCls : Pooling::kMean;
    options_.normalize = flags.normalize;
    options_.text.tokenize.parse_special_tokens = !flags.plain_text;
    options_.text.windows = flags.windows.options();
  }

  TextAnswerer MakeAnswerer(const Options& options, EngineNotes notes) const {
    const auto session = std::make_shared<Session>(
        Session{{model_, options, flags_.model, notes}, std::vector<float>(model_.info().d_model)});
    return [this, session](const InputText& input, TextOutput* output) { Answer(input, session.get(), output); };
  }

 private:
  struct Session {
    WithArena<Embedder> embedder;
    std::vector<float> embedding;
  };

  void Answer(const InputText& input, Session* session, TextOutput* output) const {
    TokenizeResult tokens = {};
    session->embedder.Check(
        session->embedder->Embed(input.text, input.pair(), options_, Span<float>(session->embedding), &tokens));
    SayHowRead(input, tokens, &output->words);
    output->answer += flags_.json ? JsonLine(input, session->embedding, tokens) : Line(session->embedding);
  }

  /// With as many digits as it takes to read the same numbers again.
  static std::string Line(const std::vector<float>& embedding) {
    std::string line;
    for (const float value : embedding) AppendF(&line, "%s%.9g", line.empty() ? "" : " ", static_cast<double>(value));
    return line + '\n';
  }

  static std::string JsonLine(const InputText& input, const std::vector<float>& embedding,
                              const TokenizeResult& tokens) {
    ordered_json line = JsonOf(input);
    line["embedding"] = embedding;
    line["tokens"] = tokens.num_tokens;
    line["truncated"] = tokens.truncated();
    line["windows"] = tokens.num_windows;
    return line.dump() + '\n';
  }

  const EmbedFlags& flags_;
  const Model model_;
  EmbedOptions options_;
};

}  // namespace

void AddEmbed(CLI::App* app) {
  const auto flags = std::make_shared<EmbedFlags>();
  CLI::App* command = app->add_subcommand("embed", "One vector per text");
  command->add_option("model", flags->model, "Model file, .smx")->required();
  flags->texts.AddFlags(command);
  flags->windows.AddFlags(command, "vectors");
  command
      ->add_option("--pooling", flags->pooling,
                   "mean of the last rows of all tokens, or the last row of [CLS], not through the pooler")
      ->check(CLI::IsMember({"cls", "mean"}))
      ->capture_default_str();
  command->add_flag("--normalize", flags->normalize, "To length 1, so that dot products are cosines");
  AddThreadsFlag(command, &flags->threads);
  flags->weights.AddFlags(command);
  command->add_flag("--plain-text", flags->plain_text, "Special tokens typed in a text, such as [MASK], are text");
  command->add_flag("--json", flags->json, "One JSON object per text");
  command->footer(
      "Prints one line per text: the numbers of its vector, split by spaces. Any model with a tokenizer will do.\n"
      "Examples:\n"
      "  smx embed minilm.smx --normalize \"Where is my new card?\"\n"
      "  smx embed model.smx --input texts.txt --pooling cls --json");
  command->callback([flags] {
    const Embed embed(*flags);
    AnswerTexts(flags->texts, {"embed", flags->threads},
                [&](const Options& options, EngineNotes notes) { return embed.MakeAnswerer(options, notes); });
  });
}

}  // namespace smx::tools
