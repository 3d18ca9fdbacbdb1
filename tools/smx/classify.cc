#include <algorithm>
#include <memory>
#include <optional>

#include <nlohmann/json.hpp>

#include "answer_texts.h"
#include "commands.h"
#include "engine.h"
#include "program.h"
#include "utf8.h"
#include "weights_flags.h"
#include "window_flags.h"

namespace smx::tools {
namespace {

using nlohmann::ordered_json;

struct ClassifyFlags {
  std::string model;
  TextSource texts;
  WindowFlags windows;
  std::optional<size_t> top;
  std::optional<float> threshold;
  std::optional<size_t> threads;
  WeightsFlags weights;
  bool plain_text = false;
  bool json = false;
};

struct Ranked {
  size_t class_index;
  float probability;
};

/// The best `top` classes, best first; of equal ones the predicted, whose logit was larger, and then in class order.
std::vector<Ranked> Rank(const std::vector<float>& probabilities, size_t predicted, size_t top) {
  std::vector<Ranked> ranked = {{predicted, probabilities[predicted]}};
  for (size_t i = 0; i < probabilities.size(); ++i) {
    if (i != predicted) ranked.push_back({i, probabilities[i]});
  }
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const Ranked& a, const Ranked& b) { return a.probability > b.probability; });
  ranked.resize(std::min(top, ranked.size()));
  return ranked;
}

class Classify {
 public:
  explicit Classify(const ClassifyFlags& flags)
      : flags_(flags),
        model_(flags.weights.Load(flags.model)),
        labels_(model_.info().task == Task::kRegression ? std::vector<std::string>{"value"} : LabelNames(model_)),
        top_(flags.top.value_or(IsMultiLabel() ? labels_.size() : 1)),
        threshold_(flags.threshold.value_or(IsMultiLabel() ? 0.5f : 0.0f)) {
    options_.tokenize.parse_special_tokens = !flags.plain_text;
    options_.windows = flags.windows.options();
  }

  TextAnswerer MakeAnswerer(const Options& options, EngineNotes notes) const {
    const auto session =
        std::make_shared<Session>(Session{{model_, options, flags_.model, notes}, std::vector<float>(labels_.size())});
    return [this, session](const InputText& input, TextOutput* output) { Answer(input, session.get(), output); };
  }

 private:
  struct Session {
    WithArena<Classifier> classifier;
    std::vector<float> probabilities;
  };

  void Answer(const InputText& input, Session* session, TextOutput* output) const {
    Prediction prediction;
    session->classifier.Check(session->classifier->Classify(input.text, input.pair(), options_,
                                                            Span<float>(session->probabilities), &prediction));
    SayHowRead(input,
               {prediction.num_tokens, prediction.num_tokens_whole, prediction.num_windows, prediction.num_tokens},
               &output->words);
    std::vector<Ranked> ranked = Rank(session->probabilities, prediction.class_index, top_);
    const bool abstained = IsBelowThreshold(ranked[0]);
    while (IsMultiLabel() && !ranked.empty() && IsBelowThreshold(ranked.back())) ranked.pop_back();
    if (ranked.empty() && !flags_.json) ranked = {{prediction.class_index, prediction.probability}};
    output->answer += flags_.json ? JsonLine(input, prediction, ranked, abstained) : Line(input, ranked);
  }

  bool IsMultiLabel() const { return model_.info().task == Task::kMultiLabel; }

  bool IsBelowThreshold(const Ranked& item) const {
    return model_.info().task != Task::kRegression && item.probability < threshold_;
  }

  std::string Line(const InputText& input, const std::vector<Ranked>& ranked) const {
    std::string line;
    for (const Ranked& item : ranked) {
      AppendF(&line, "%s\t%.4f\t", IsBelowThreshold(item) ? "-" : Printable(labels_[item.class_index]).c_str(),
              static_cast<double>(item.probability));
    }
    return line + Printable(input.text) + '\n';
  }

  std::string JsonLine(const InputText& input, const Prediction& prediction, const std::vector<Ranked>& ranked,
                       bool abstained) const {
    ordered_json line = JsonOf(input);
    line["labels"] = ordered_json::array();
    for (const Ranked& item : ranked) {
      line["labels"].push_back({{"label", labels_[item.class_index]}, {"probability", item.probability}});
    }
    line["tokens"] = prediction.num_tokens;
    line["truncated"] = prediction.truncated;
    line["windows"] = prediction.num_windows;
    line["abstained"] = abstained;
    return line.dump() + '\n';
  }

  const ClassifyFlags& flags_;
  const Model model_;
  const std::vector<std::string> labels_;
  const size_t top_;
  const float threshold_;
  TextOptions options_;
};

}  // namespace

void AddClassify(CLI::App* app) {
  const auto flags = std::make_shared<ClassifyFlags>();
  CLI::App* command = app->add_subcommand("classify", "Label texts");
  command->add_option("model", flags->model, "Model file, .smx")->required();
  flags->texts.AddFlags(command);
  flags->windows.AddFlags(command, "logits");
  command
      ->add_option("--top", flags->top,
                   "How many labels to print at most, best first; 1 unless given, of a multi-label model all")
      ->check(CountFlag(1, 1000000));
  command
      ->add_option("--threshold", flags->threshold,
                   "Label - below this probability, see smx evaluate --precision; a multi-label model gives the labels "
                   "that reach it, 0.5 unless given")
      ->check(ProbabilityFlag());
  AddThreadsFlag(command, &flags->threads);
  flags->weights.AddFlags(command);
  command->add_flag("--plain-text", flags->plain_text, "Special tokens typed in a text, such as [MASK], are text");
  command->add_flag("--json", flags->json, "One JSON object per text");
  command->footer(
      "Prints one line per text: label <TAB> probability <TAB> [more pairs with --top] <TAB> text.\n"
      "A multi-label model gives each label that reaches the threshold, or - when none does.\n"
      "Examples:\n"
      "  smx classify model.smx \"Where is my new card?\" \"I forgot my PIN\"\n"
      "  smx classify model.smx --input texts.txt --top 3 --threshold 0.5\n"
      "  smx classify model.smx --input texts.txt --threads 1 > answers.txt\n"
      "  printf '{\"text\": \"two\\\\nlines\"}\\n' | smx classify model.smx --input - --jsonl --json");
  command->callback([flags] {
    const Classify classify(*flags);
    AnswerTexts(flags->texts, {"classify", flags->threads},
                [&](const Options& options, EngineNotes notes) { return classify.MakeAnswerer(options, notes); });
  });
}

}  // namespace smx::tools
