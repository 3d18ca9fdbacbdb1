#include <cstdio>
#include <memory>

#include <nlohmann/json.hpp>

#include "commands.h"
#include "engine.h"
#include "evaluate.h"
#include "program.h"
#include "utf8.h"

namespace smx::tools {
namespace {

using nlohmann::ordered_json;

struct EvaluateFlags {
  std::string model, data;
  TsvColumns columns;
  size_t threads = 1;
  bool json = false;
};

void PrintJson(const Evaluation& result, const std::vector<std::string>& labels) {
  const ordered_json report = {{"accuracy", result.accuracy()},
                               {"macro_f1", result.macro_f1},
                               {"count", result.count},
                               {"truncated", result.truncated},
                               {"milliseconds_per_text", result.milliseconds_per_text},
                               {"isa", IsaName()},
                               {"labels", labels},
                               {"confusion", result.confusion}};
  std::printf("%s\n", report.dump().c_str());
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

void PrintReport(const Evaluation& result, const std::vector<std::string>& labels) {
  std::printf("texts      %zu\n", result.count);
  std::printf("accuracy   %.2f %%\n", 100 * result.accuracy());
  std::printf("macro F1   %.4f\n", result.macro_f1);
  std::printf("truncated  %zu\n", result.truncated);
  std::printf("time       %.1f us per text, tokenizer included (%s)\n", 1000 * result.milliseconds_per_text, IsaName());
  PrintConfusions(result, labels);
}

void PrintRegressionJson(const RegressionEvaluation& result) {
  const ordered_json report = {{"mean_squared_error", result.mean_squared_error},
                               {"mean_absolute_error", result.mean_absolute_error},
                               {"pearson", result.pearson},
                               {"spearman", result.spearman},
                               {"count", result.count},
                               {"truncated", result.truncated},
                               {"milliseconds_per_text", result.milliseconds_per_text},
                               {"isa", IsaName()}};
  std::printf("%s\n", report.dump().c_str());
}

void PrintRegressionReport(const RegressionEvaluation& result) {
  std::printf("texts      %zu\n", result.count);
  std::printf("pearson    %.4f\n", result.pearson);
  std::printf("spearman   %.4f\n", result.spearman);
  std::printf("error      %.6g squared, %.6g absolute, in the mean\n", result.mean_squared_error,
              result.mean_absolute_error);
  std::printf("truncated  %zu\n", result.truncated);
  std::printf("time       %.1f us per text, tokenizer included (%s)\n", 1000 * result.milliseconds_per_text, IsaName());
}

/// Calls `evaluate` with the flags as options, under a progress bar.
template <typename Function>
auto WithProgress(const EvaluateFlags& flags, Function evaluate) {
  ProgressBar progress("evaluate");
  const EvaluateOptions options = {flags.threads, !flags.columns.text_pair.empty(),
                                   [&](size_t done, size_t total) { progress.Update(done, total); }};
  return evaluate(options);
}

void RunEvaluate(const EvaluateFlags& flags) {
  const Model model = LoadModel(flags.model);
  const std::vector<LabelledText> texts = ReadTsv(flags.data, flags.columns);
  if (model.info().is_regression) {
    const RegressionEvaluation result = WithProgress(flags, [&](const EvaluateOptions& options) {
      return EvaluateRegression(model, flags.model, texts, flags.data, options);
    });
    return flags.json ? PrintRegressionJson(result) : PrintRegressionReport(result);
  }
  const Evaluation result = WithProgress(
      flags, [&](const EvaluateOptions& options) { return Evaluate(model, flags.model, texts, flags.data, options); });
  if (flags.json) {
    PrintJson(result, LabelNames(model));
  } else {
    PrintReport(result, LabelNames(model));
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
                   "Column of the labels: names or class numbers, values of a regression")
      ->capture_default_str();
  command->add_option("--threads", flags->threads)->check(CountFlag(1, 64))->capture_default_str();
  command->add_flag("--json", flags->json,
                    "accuracy and macro_f1 in 0..1, count, labels, confusion, time; of a regression its errors");
  command->footer(
      "Examples:\n"
      "  smx evaluate model.smx test.tsv\n"
      "  smx evaluate model.smx rte.tsv --text premise --text-pair hypothesis --json");
  command->callback([flags] { RunEvaluate(*flags); });
}

}  // namespace smx::tools
