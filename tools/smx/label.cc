#include <cstdio>
#include <memory>

#include <nlohmann/json.hpp>

#include "commands.h"
#include "engine.h"
#include "program.h"
#include "token_spans.h"
#include "utf8.h"
#include "window_flags.h"

namespace smx::tools {
namespace {

using nlohmann::ordered_json;

struct LabelFlags {
  std::string model;
  TextSource texts;
  std::string by = "span";
  size_t threads = 1;
  bool plain_text = false;
  bool json = false;
};

class Label {
 public:
  explicit Label(const LabelFlags& flags)
      : flags_(flags),
        model_(LoadModel(flags.model)),
        labels_(LabelNames(model_)),
        labeler_(model_, EngineOptions(flags), flags.model),
        tokens_(model_.info().max_seq_len) {
    options_.parse_special_tokens = !flags.plain_text;
  }

  void Print(const InputText& input) {
    TokenizeResult result = {};
    const std::string_view pair = input.has_pair ? std::string_view{input.text_pair} : std::string_view();
    labeler_.Check(labeler_->Label(input.text, pair, options_, {tokens_.data(), tokens_.size()}, &result));
    SayHowRead(input, result);
    const std::vector<LabelledSpan> spans = SpansOf(input, {tokens_.data(), result.num_tokens});
    if (flags_.json) {
      PrintJson(input, spans, result);
    } else {
      PrintLines(input, spans);
    }
  }

 private:
  static Options EngineOptions(const LabelFlags& flags) {
    Options options;
    options.num_threads = flags.threads;
    return options;
  }

  std::vector<LabelledSpan> SpansOf(const InputText& input, Span<const TokenLabel> tokens) const {
    if (flags_.by == "token") return TokenSpans(tokens, labels_);
    const std::vector<LabelledSpan> words = WordSpans(model_, input, tokens, labels_);
    return flags_.by == "word" ? words : EntitySpans(words);
  }

  static std::string TextOf(const InputText& input, const LabelledSpan& span) {
    return (span.of_pair ? input.text_pair : input.text).substr(span.begin, span.end - span.begin);
  }

  static void PrintLines(const InputText& input, const std::vector<LabelledSpan>& spans) {
    for (const LabelledSpan& span : spans) {
      std::printf("%s\t%.4f\t%s\n", Printable(span.label).c_str(), span.probability,
                  Printable(TextOf(input, span)).c_str());
    }
    std::putchar('\n');
  }

  static void PrintJson(const InputText& input, const std::vector<LabelledSpan>& spans, const TokenizeResult& tokens) {
    ordered_json line = {{"text", ReplaceInvalidUtf8(input.text)}};
    if (input.has_pair) line["text_pair"] = ReplaceInvalidUtf8(input.text_pair);
    line["labels"] = ordered_json::array();
    for (const LabelledSpan& span : spans) {
      line["labels"].push_back({{"label", ReplaceInvalidUtf8(span.label)},
                                {"probability", span.probability},
                                {"begin", span.begin},
                                {"end", span.end},
                                {"text", ReplaceInvalidUtf8(TextOf(input, span))}});
      if (input.has_pair) line["labels"].back()["of_pair"] = span.of_pair;
    }
    line["tokens"] = tokens.num_tokens;
    line["truncated"] = tokens.truncated();
    std::printf("%s\n", line.dump().c_str());
  }

  const LabelFlags& flags_;
  const Model model_;
  const std::vector<std::string> labels_;
  WithArena<TokenLabeler> labeler_;
  TokenizeOptions options_;
  std::vector<TokenLabel> tokens_;
};

}  // namespace

void AddLabel(CLI::App* app) {
  const auto flags = std::make_shared<LabelFlags>();
  CLI::App* command = app->add_subcommand("label", "Label the words of texts, such as names or parts of speech");
  command->add_option("model", flags->model, "Model file, .smx, of token labels")->required();
  flags->texts.AddFlags(command);
  command
      ->add_option("--by", flags->by,
                   "What gets a label. token: every token. word: its first token's label. span: words that tags make "
                   "one, B-X and the I-X behind it, as X with the mean probability; without the words of O")
      ->check(CLI::IsMember({"span", "word", "token"}))
      ->capture_default_str();
  command->add_option("--threads", flags->threads)->check(CountFlag(1, 64))->capture_default_str();
  command->add_flag("--plain-text", flags->plain_text, "Special tokens typed in a text, such as [MASK], are text");
  command->add_flag("--json", flags->json, "One JSON object per text, with byte offsets");
  command->footer(
      "Prints label <TAB> probability <TAB> text, a line each, and an empty line behind every text.\n"
      "Offsets count bytes of the text as it came, or of text_pair where of_pair is true.\n"
      "Examples:\n"
      "  smx label ner.smx \"Ada Lovelace was born in London.\"\n"
      "  smx label pos.smx --by word --input texts.txt --json");
  command->callback([flags] {
    Label label(*flags);
    flags->texts.ForEach([&](const InputText& input) { label.Print(input); });
  });
}

}  // namespace smx::tools
