#include "evaluate.h"

#include <algorithm>

#include "engine.h"
#include "smx/classifier.h"

namespace smx::tools {
namespace {

double MacroF1(const std::vector<std::vector<size_t>>& confusion) {
  double sum = 0;
  size_t classes = 0;
  for (size_t c = 0; c < confusion.size(); ++c) {
    size_t labelled = 0;
    size_t predicted = 0;
    for (size_t other = 0; other < confusion.size(); ++other) {
      labelled += confusion[c][other];
      predicted += confusion[other][c];
    }
    if (labelled + predicted == 0) continue;
    sum += 2.0 * static_cast<double>(confusion[c][c]) / static_cast<double>(labelled + predicted);
    ++classes;
  }
  return classes == 0 ? 0 : sum / static_cast<double>(classes);
}

}  // namespace

Evaluation Evaluate(const Model& model, const std::string& model_name, const std::vector<LabelledText>& texts,
                    const std::string& texts_name, const EvaluateOptions& options) {
  if (model.info().is_regression) {
    throw Error(ExitCode::kUnsupported, model_name + ": a regression model; accuracy is for classes");
  }
  const std::vector<std::string> labels = LabelNames(model);
  std::vector<size_t> expected;
  for (const LabelledText& text : texts) {
    const std::string place = texts_name + ": line " + std::to_string(text.line);
    expected.push_back(ClassOf(text.label, labels, labels.size(), place));
  }
  Options engine_options;
  engine_options.num_threads = options.num_threads;
  WithArena<Classifier> classifier(model, engine_options, model_name);

  Evaluation result;
  result.count = texts.size();
  result.confusion.assign(labels.size(), std::vector<size_t>(labels.size()));
  int64_t microseconds = 0;
  for (size_t i = 0; i < texts.size(); ++i) {
    const std::string_view pair = options.has_pairs ? std::string_view(texts[i].text_pair) : std::string_view();
    Prediction prediction;
    const int64_t start = NowMicroseconds();
    const Status status = classifier->Classify(texts[i].text, pair, {}, {}, &prediction);
    microseconds += NowMicroseconds() - start;
    classifier.Check(status);
    result.correct += prediction.class_index == expected[i];
    result.truncated += prediction.truncated;
    ++result.confusion[expected[i]][prediction.class_index];
    result.predictions.push_back(prediction.class_index);
    if (options.progress) options.progress(i + 1, texts.size());
  }
  result.macro_f1 = MacroF1(result.confusion);
  result.milliseconds_per_text = static_cast<double>(microseconds) / 1000.0 / static_cast<double>(texts.size());
  return result;
}

}  // namespace smx::tools
