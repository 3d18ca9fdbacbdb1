#include <memory>
#include <optional>

#include <nlohmann/json.hpp>

#include "answer_texts.h"
#include "commands.h"
#include "engine.h"
#include "program.h"
#include "token_spans.h"
#include "utf8.h"
#include "weights_flags.h"
#include "window_flags.h"

namespace smx::tools {
namespace {

using nlohmann::ordered_json;

struct LabelFlags {
  std::string model;
  TextSource texts;
  std::string by = "span";
  std::optional<size_t> threads;
  WeightsFlags weights;
  bool plain_text = false;
  bool json = false;
};

class Label {
 public:
  explicit Label(const LabelFlags& flags)
      : flags_(flags), model_(flags.weights.Load(flags.model)), labels_(LabelNames(model_)) {
    options_.parse_special_tokens = !flags.plain_text;
  }

  TextAnswerer MakeAnswerer(const Options& options, EngineNotes notes) const {
    const auto session = std::make_shared<Session>(
        Session{{model_, options, flags_.model, notes}, std::vector<TokenLabel>(model_.info().max_seq_len)});
    return [this, session](const InputText& input, TextOutput* output) { Answer(input, session.get(), output); };
  }

 private:
  struct Session {
    WithArena<TokenLabeler> labeler;
    std::vector<TokenLabel> tokens;
  };

  void Answer(const InputText& input, Session* session, TextOutput* output) const {
    TokenizeResult result = {};
    session->labeler.Check(
        session->labeler->Label(input.text, input.pair(), options_, Span<TokenLabel>(session->tokens), &result));
    SayHowRead(input, result, &output->words);
    const std::vector<LabelledSpan> spans = SpansOf(input, {session->tokens.data(), result.num_tokens});
    output->answer += flags_.json ? JsonLine(input, spans, result) : Lines(input, spans);
  }

  std::vector<LabelledSpan> SpansOf(const InputText& input, Span<const TokenLabel> tokens) const {
    if (flags_.by == "token") return TokenSpans(tokens, labels_);
    const std::vector<LabelledSpan> words = WordSpans(model_, input, tokens, labels_);
    return flags_.by == "word" ? words : EntitySpans(words);
  }

  static std::string TextOf(const InputText& input, const LabelledSpan& span) {
    return (span.of_pair ? input.text_pair : input.text).substr(span.begin, span.end - span.begin);
  }

  static std::string Lines(const InputText& input, const std::vector<LabelledSpan>& spans) {
    std::string lines;
    for (const LabelledSpan& span : spans) {
      AppendF(&lines, "%s\t%.4f\t%s\n", Printable(span.label).c_str(), span.probability,
              Printable(TextOf(input, span)).c_str());
    }
    return lines + '\n';
  }

  static std::string JsonLine(const InputText& input, const std::vector<LabelledSpan>& spans,
                              const TokenizeResult& tokens) {
    ordered_json line = JsonOf(input);
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
    return line.dump() + '\n';
  }

  const LabelFlags& flags_;
  const Model model_;
  const std::vector<std::string> labels_;
  TokenizeOptions options_;
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
  AddThreadsFlag(command, &flags->threads);
  flags->weights.AddFlags(command);
  command->add_flag("--plain-text", flags->plain_text, "Special tokens typed in a text, such as [MASK], are text");
  command->add_flag("--json", flags->json, "One JSON object per text, with byte offsets");
  command->footer(
      "Prints label <TAB> probability <TAB> text, a line each, and an empty line behind every text.\n"
      "Offsets count bytes of the text as it came, or of text_pair where of_pair is true.\n"
      "Examples:\n"
      "  smx label ner.smx \"Ada Lovelace was born in London.\"\n"
      "  smx label pos.smx --by word --input texts.txt --json");
  command->callback([flags] {
    const Label label(*flags);
    AnswerTexts(flags->texts, {"label", flags->threads},
                [&](const Options& options, EngineNotes notes) { return label.MakeAnswerer(options, notes); });
  });
}

}  // namespace smx::tools
