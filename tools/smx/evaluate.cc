#include <cstdio>
#include <memory>
#include <optional>

#include <nlohmann/json.hpp>

#include "commands.h"
#include "engine.h"
#include "evaluate.h"
#include "ordered_work.h"
#include "program.h"
#include "progress.h"
#include "utf8.h"
#include "weights_flags.h"
#include "window_flags.h"

namespace smx::tools {
namespace {

using nlohmann::ordered_json;

struct EvaluateFlags {
  std::string model, data;
  TsvColumns columns;
  WindowFlags windows;
  size_t threads = NumProcessors();
  WeightsFlags weights;
  std::optional<double> precision;
  std::optional<float> threshold;
  bool json = false;
};

/// What --precision asks for. A threshold that is not there is null, so that `--threshold null` stops a script.
void AddAbstention(const std::vector<Answer>& answers, double precision, ordered_json* report) {
  const std::optional<Abstention> least = LeastThreshold(Abstentions(answers), precision);
  const size_t answered = least ? least->answered : 0;
  (*report)["threshold"] = least ? ordered_json(least->threshold) : ordered_json();
  (*report)["answered"] = static_cast<double>(answered) / static_cast<double>(answers.size());
  (*report)["answered_count"] = answered;
  (*report)["precision"] = least ? ordered_json(least->precision()) : ordered_json();
}

void AddRunCounts(const RunCounts& counts, ordered_json* report) {
  (*report)["truncated"] = counts.truncated;
  (*report)["windows"] = counts.windows;
  (*report)["milliseconds_per_text"] = counts.milliseconds_per_text;
  (*report)["texts_per_second"] = counts.texts_per_second;
  (*report)["threads"] = counts.num_threads;
  (*report)["isa"] = IsaName();
}

void PrintRunCounts(const EvaluateFlags& flags, const RunCounts& counts) {
  std::printf("truncated  %zu\n", counts.truncated);
  if (flags.windows.options().enabled) std::printf("windows    %zu\n", counts.windows);
  std::printf("time       %.1f us per text on its thread, tokenizer included (%s)\n",
              1000 * counts.milliseconds_per_text, IsaName());
  std::printf("speed      %.0f texts per second by %zu thread(s)\n", counts.texts_per_second, counts.num_threads);
}

void PrintJson(const EvaluateFlags& flags, const Evaluation& result, const std::vector<std::string>& labels) {
  ordered_json report = {{"accuracy", result.accuracy()},
                         {"macro_f1", result.macro_f1},
                         {"expected_calibration_error", CalibrationError(result.answers)}};
  if (flags.precision) AddAbstention(result.answers, *flags.precision, &report);
  report["count"] = result.count;
  AddRunCounts(result, &report);
  report["labels"] = labels;
  report["confusion"] = result.confusion;
  std::printf("%s\n", report.dump().c_str());
}

/// As many digits as bring the same float back from `smx classify --threshold`.
void PrintAbstention(const std::vector<Answer>& answers, double precision) {
  const std::vector<Abstention> all = Abstentions(answers);
  const auto percent_of = [&](size_t part, size_t whole) {
    return 100 * static_cast<double>(part) / static_cast<double>(whole);
  };
  const std::optional<Abstention> least = LeastThreshold(all, precision);
  if (least) {
    std::printf("threshold  %.9g: answers %zu texts (%.2f %%), %zu of them right (%.2f %%)\n",
                static_cast<double>(least->threshold), least->answered, percent_of(least->answered, answers.size()),
                least->right, percent_of(least->right, least->answered));
    return;
  }
  const Abstention best = MostPrecise(all);
  std::printf(
      "threshold  none reaches a precision of %g; %.9g comes closest: answers %zu texts (%.2f %%), %zu of them "
      "right (%.2f %%)\n",
      precision, static_cast<double>(best.threshold), best.answered, percent_of(best.answered, answers.size()),
      best.right, percent_of(best.right, best.answered));
}

/// The pairs of classes that are taken for each other most often.
void PrintConfusions(const Evaluation& result, const std::vector<std::string>& labels) {
  struct Confused {
    size_t count, label, prediction;
  };
  std::vector<Confused> confused;
  for (size_t i = 0; i < labels.size(); ++i) {
    for (size_t j = 0; j < labels.size(); ++j) {
      if (i != j && result.confusion[i][j] > 0) confused.push_back({result.confusion[i][j], i, j});
    }
  }
  std::stable_sort(confused.begin(), confused.end(), [](const auto& a, const auto& b) { return a.count > b.count; });
  if (confused.empty()) return;
  std::printf("most often wrong:\n");
  for (size_t i = 0; i < std::min<size_t>(5, confused.size()); ++i) {
    std::printf("  %4zu x %s taken for %s\n", confused[i].count, Printable(labels[confused[i].label]).c_str(),
                Printable(labels[confused[i].prediction]).c_str());
  }
}

void PrintReport(const EvaluateFlags& flags, const Evaluation& result, const std::vector<std::string>& labels) {
  std::printf("texts      %zu\n", result.count);
  std::printf("accuracy   %.2f %%\n", 100 * result.accuracy());
  std::printf("macro F1   %.4f\n", result.macro_f1);
  std::printf("ECE        %.4f (expected calibration error, 15 bins)\n", CalibrationError(result.answers));
  if (flags.precision) PrintAbstention(result.answers, *flags.precision);
  PrintRunCounts(flags, result);
  PrintConfusions(result, labels);
}

void PrintMultiLabelJson(const MultiLabelEvaluation& result, const std::vector<std::string>& labels, float threshold) {
  ordered_json report = {{"micro_f1", result.micro_f1},
                         {"macro_f1", result.macro_f1},
                         {"exact_match", result.exact_match()},
                         {"threshold", threshold},
                         {"count", result.count}};
  AddRunCounts(result, &report);
  report["labels"] = labels;
  std::printf("%s\n", report.dump().c_str());
}

void PrintMultiLabelReport(const EvaluateFlags& flags, const MultiLabelEvaluation& result, float threshold) {
  std::printf("texts      %zu\n", result.count);
  std::printf("micro F1   %.4f\n", result.micro_f1);
  std::printf("macro F1   %.4f\n", result.macro_f1);
  std::printf("exact      %.2f %% (all labels of a text and no other, at threshold %g)\n", 100 * result.exact_match(),
              static_cast<double>(threshold));
  PrintRunCounts(flags, result);
}

void PrintRegressionJson(const RegressionEvaluation& result) {
  ordered_json report = {{"mean_squared_error", result.mean_squared_error},
                         {"mean_absolute_error", result.mean_absolute_error},
                         {"pearson", result.pearson},
                         {"spearman", result.spearman},
                         {"count", result.count}};
  AddRunCounts(result, &report);
  std::printf("%s\n", report.dump().c_str());
}

void PrintRegressionReport(const EvaluateFlags& flags, const RegressionEvaluation& result) {
  std::printf("texts      %zu\n", result.count);
  std::printf("pearson    %.4f\n", result.pearson);
  std::printf("spearman   %.4f\n", result.spearman);
  std::printf("error      %.6g squared, %.6g absolute, in the mean\n", result.mean_squared_error,
              result.mean_absolute_error);
  PrintRunCounts(flags, result);
}

/// Calls `evaluate` with the flags as options, under a progress bar.
template <typename Function>
auto WithProgress(const EvaluateFlags& flags, Function evaluate) {
  ProgressBar progress("evaluate");
  EvaluateOptions options;
  options.num_threads = flags.threads;
  options.threshold = flags.threshold.value_or(options.threshold);
  options.windows = flags.windows.options();
  options.has_pairs = !flags.columns.text_pair.empty();
  options.progress = [&](size_t done, size_t total) { progress.Update(done, total); };
  return evaluate(options);
}

void CheckFlags(const EvaluateFlags& flags, Task task) {
  if (flags.windows.options().enabled && !flags.columns.text_pair.empty()) {
    throw Error(ExitCode::kUsage, "--windows is for single texts, not for those of --text-pair");
  }
  const std::string of_task = std::string(", the model is of task ") + TaskName(task);
  if (flags.precision && task != Task::kClassification) {
    throw Error(ExitCode::kUsage, "--precision is for classification" + of_task);
  }
  if (flags.threshold && task != Task::kMultiLabel) {
    throw Error(ExitCode::kUsage, "--threshold is for several labels of a text" + of_task);
  }
}

void EvaluateSeveralLabels(const EvaluateFlags& flags, const Model& model, const std::vector<LabelledText>& texts) {
  float threshold = 0;
  const MultiLabelEvaluation result = WithProgress(flags, [&](const EvaluateOptions& options) {
    threshold = options.threshold;
    return EvaluateMultiLabel(model, flags.model, texts, flags.data, options);
  });
  if (flags.json) return PrintMultiLabelJson(result, LabelNames(model), threshold);
  PrintMultiLabelReport(flags, result, threshold);
}

void RunEvaluate(const EvaluateFlags& flags) {
  const Model model = flags.weights.Load(flags.model);
  CheckFlags(flags, model.info().task);
  const std::vector<LabelledText> texts = ReadTsv(flags.data, flags.columns);
  if (model.info().task == Task::kMultiLabel) return EvaluateSeveralLabels(flags, model, texts);
  if (model.info().task == Task::kRegression) {
    const RegressionEvaluation result = WithProgress(flags, [&](const EvaluateOptions& options) {
      return EvaluateRegression(model, flags.model, texts, flags.data, options);
    });
    return flags.json ? PrintRegressionJson(result) : PrintRegressionReport(flags, result);
  }
  const Evaluation result = WithProgress(
      flags, [&](const EvaluateOptions& options) { return Evaluate(model, flags.model, texts, flags.data, options); });
  if (flags.json) {
    PrintJson(flags, result, LabelNames(model));
  } else {
    PrintReport(flags, result, LabelNames(model));
  }
}

}  // namespace

void AddEvaluate(CLI::App* app) {
  const auto flags = std::make_shared<EvaluateFlags>();
  CLI::App* command =
      app->add_subcommand("evaluate", "Measure accuracy, or the errors of a regression, on labelled texts");
  command->add_option("model", flags->model, "Model file, .smx")->required();
  command->add_option("data", flags->data, "UTF-8, a header line, columns split by one tab, no quoting")->required();
  command->add_option("--text", flags->columns.text, "Column of the texts")->capture_default_str();
  command->add_option("--text-pair", flags->columns.text_pair, "Column of the second texts, if any");
  command
      ->add_option("--label", flags->columns.label,
                   "Column of the labels: names or class numbers, split by | where a text has several; values of a "
                   "regression")
      ->capture_default_str();
  command
      ->add_option("--precision", flags->precision,
                   "Find the least --threshold of smx classify at which answers are right at least so often")
      ->check(ProbabilityFlag());
  command
      ->add_option("--threshold", flags->threshold,
                   "Of a multi-label model: labels are those of at least this probability, 0.5 unless given")
      ->check(ProbabilityFlag());
  flags->windows.AddFlags(command, "logits");
  command
      ->add_option(
          "--threads", flags->threads,
          "Threads, each with texts of its own; all processors unless given. 1 to measure how long a text takes "
          "where nothing else runs")
      ->check(CountFlag(1, 64))
      ->capture_default_str();
  flags->weights.AddFlags(command);
  command->add_flag("--json", flags->json,
                    "accuracy, macro_f1 and expected_calibration_error in 0..1, count, labels, confusion, time; with "
                    "--precision threshold, answered and precision in 0..1; of a regression its errors; of several "
                    "labels micro_f1, macro_f1 and exact_match");
  command->footer(
      "The threshold that --precision finds is the probability of the least sure text that is answered, 0 when all "
      "may\n"
      "be. When none is high enough the report says so, threshold is null in --json, and the exit code is 0 all the\n"
      "same. Find it on texts that the model was not trained on.\n"
      "Examples:\n"
      "  smx evaluate model.smx test.tsv\n"
      "  smx evaluate model.smx test.tsv --threads 1\n"
      "  smx evaluate model.smx held_out.tsv --precision 0.95\n"
      "  smx evaluate model.smx rte.tsv --text premise --text-pair hypothesis --json");
  command->callback([flags] { RunEvaluate(*flags); });
}

}  // namespace smx::tools
