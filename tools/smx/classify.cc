#include <algorithm>
#include <cstdio>
#include <iostream>
#include <memory>

#include <nlohmann/json.hpp>

#include "commands.h"
#include "engine.h"
#include "program.h"
#include "text_source.h"
#include "utf8.h"

namespace smx::tools {
namespace {

using nlohmann::ordered_json;

struct ClassifyFlags {
  std::string model;
  TextSource texts;
  size_t top = 1;
  float threshold = 0;
  size_t threads = 1;
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
        model_(LoadModel(flags.model)),
        labels_(model_.info().is_regression ? std::vector<std::string>{"value"} : LabelNames(model_)),
        classifier_(model_, EngineOptions(flags), flags.model),
        probabilities_(labels_.size()) {
    options_.parse_special_tokens = !flags.plain_text;
  }

  void Print(const InputText& input) {
    Prediction prediction;
    const std::string_view pair = input.has_pair ? std::string_view{input.text_pair} : std::string_view();
    classifier_.Check(
        classifier_->Classify(input.text, pair, options_, {probabilities_.data(), probabilities_.size()}, &prediction));
    if (prediction.truncated) {
      std::fprintf(stderr, "%s: %zu tokens, the model reads %zu: the rest was cut off\n", input.place.c_str(),
                   prediction.num_tokens_whole, prediction.num_tokens);
    }
    const std::vector<Ranked> ranked = Rank(probabilities_, prediction.class_index, flags_.top);
    const bool abstained = !model_.info().is_regression && ranked[0].probability < flags_.threshold;
    if (flags_.json) {
      PrintJson(input, prediction, ranked, abstained);
    } else {
      PrintLine(input, ranked, abstained);
    }
  }

 private:
  static Options EngineOptions(const ClassifyFlags& flags) {
    Options options;
    options.num_threads = flags.threads;
    return options;
  }

  void PrintLine(const InputText& input, const std::vector<Ranked>& ranked, bool abstained) const {
    for (const Ranked& item : ranked) {
      const bool is_hidden = abstained || (!model_.info().is_regression && item.probability < flags_.threshold);
      std::printf("%s\t%.4f\t", is_hidden ? "-" : Printable(labels_[item.class_index]).c_str(),
                  static_cast<double>(item.probability));
    }
    const std::string text = Printable(input.text);
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::putchar('\n');
  }

  void PrintJson(const InputText& input, const Prediction& prediction, const std::vector<Ranked>& ranked,
                 bool abstained) const {
    ordered_json line = {{"text", ReplaceInvalidUtf8(input.text)}};
    if (input.has_pair) line["text_pair"] = input.text_pair;
    line["labels"] = ordered_json::array();
    for (const Ranked& item : ranked) {
      line["labels"].push_back({{"label", labels_[item.class_index]}, {"probability", item.probability}});
    }
    line["tokens"] = prediction.num_tokens;
    line["truncated"] = prediction.truncated;
    line["abstained"] = abstained;
    std::printf("%s\n", line.dump().c_str());
  }

  const ClassifyFlags& flags_;
  const Model model_;
  const std::vector<std::string> labels_;
  WithArena<Classifier> classifier_;
  TokenizeOptions options_;
  std::vector<float> probabilities_;
};

}  // namespace

void AddClassify(CLI::App* app) {
  const auto flags = std::make_shared<ClassifyFlags>();
  CLI::App* command = app->add_subcommand("classify", "Label texts");
  command->add_option("model", flags->model, "Model file, .smx")->required();
  flags->texts.AddFlags(command);
  command->add_option("--top", flags->top, "How many labels to print, best first")
      ->check(CountFlag(1, 1000000))
      ->capture_default_str();
  command->add_option("--threshold", flags->threshold, "Label - below this probability; see smx evaluate --precision")
      ->check(ProbabilityFlag());
  command->add_option("--threads", flags->threads)->check(CountFlag(1, 64))->capture_default_str();
  command->add_flag("--plain-text", flags->plain_text, "Special tokens typed in a text, such as [MASK], are text");
  command->add_flag("--json", flags->json, "One JSON object per text");
  command->footer(
      "Prints one line per text: label <TAB> probability <TAB> [more pairs with --top] <TAB> text.\n"
      "Examples:\n"
      "  smx classify model.smx \"Where is my new card?\" \"I forgot my PIN\"\n"
      "  smx classify model.smx --input texts.txt --top 3 --threshold 0.5\n"
      "  printf '{\"text\": \"two\\\\nlines\"}\\n' | smx classify model.smx --input - --jsonl --json");
  command->callback([flags] {
    Classify classify(*flags);
    flags->texts.ForEach([&](const InputText& input) { classify.Print(input); });
  });
}

}  // namespace smx::tools
