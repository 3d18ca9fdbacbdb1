#include <cstdio>
#include <memory>

#include <nlohmann/json.hpp>

#include "commands.h"
#include "engine.h"
#include "program.h"
#include "smx/embedder.h"
#include "text_source.h"
#include "utf8.h"
#include "window_flags.h"

namespace smx::tools {
namespace {

using nlohmann::ordered_json;

struct EmbedFlags {
  std::string model;
  TextSource texts;
  WindowFlags windows;
  std::string pooling = "mean";
  size_t threads = 1;
  bool normalize = false;
  bool plain_text = false;
  bool json = false;
};

class Embed {
 public:
  explicit Embed(const EmbedFlags& flags)
      : flags_(flags),
        model_(LoadModel(flags.model)),
        embedder_(model_, EngineOptions(flags), flags.model),
        embedding_(model_.info().d_model) {
    options_.pooling = flags.pooling == "cls" ? Pooling::kCls : Pooling::kMean;
    options_.normalize = flags.normalize;
    options_.text.tokenize.parse_special_tokens = !flags.plain_text;
    options_.text.windows = flags.windows.options();
  }

  void Print(const InputText& input) {
    TokenizeResult tokens = {};
    const std::string_view pair = input.has_pair ? std::string_view{input.text_pair} : std::string_view();
    embedder_.Check(embedder_->Embed(input.text, pair, options_, {embedding_.data(), embedding_.size()}, &tokens));
    SayHowRead(input, tokens);
    if (flags_.json) {
      PrintJson(input, tokens);
    } else {
      PrintLine();
    }
  }

 private:
  static Options EngineOptions(const EmbedFlags& flags) {
    Options options;
    options.num_threads = flags.threads;
    return options;
  }

  /// With as many digits as it takes to read the same numbers again.
  void PrintLine() const {
    for (size_t i = 0; i < embedding_.size(); ++i) {
      std::printf("%s%.9g", i == 0 ? "" : " ", static_cast<double>(embedding_[i]));
    }
    std::putchar('\n');
  }

  void PrintJson(const InputText& input, const TokenizeResult& tokens) const {
    ordered_json line = {{"text", ReplaceInvalidUtf8(input.text)}};
    if (input.has_pair) line["text_pair"] = input.text_pair;
    line["embedding"] = embedding_;
    line["tokens"] = tokens.num_tokens;
    line["truncated"] = tokens.truncated();
    line["windows"] = tokens.num_windows;
    std::printf("%s\n", line.dump().c_str());
  }

  const EmbedFlags& flags_;
  const Model model_;
  WithArena<Embedder> embedder_;
  EmbedOptions options_;
  std::vector<float> embedding_;
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
  command->add_option("--threads", flags->threads)->check(CountFlag(1, 64))->capture_default_str();
  command->add_flag("--plain-text", flags->plain_text, "Special tokens typed in a text, such as [MASK], are text");
  command->add_flag("--json", flags->json, "One JSON object per text");
  command->footer(
      "Prints one line per text: the numbers of its vector, split by spaces. Any model with a tokenizer will do.\n"
      "Examples:\n"
      "  smx embed minilm.smx --normalize \"Where is my new card?\"\n"
      "  smx embed model.smx --input texts.txt --pooling cls --json");
  command->callback([flags] {
    Embed embed(*flags);
    flags->texts.ForEach([&](const InputText& input) { embed.Print(input); });
  });
}

}  // namespace smx::tools
