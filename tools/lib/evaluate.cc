#include "evaluate.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <numeric>

#include "engine.h"
#include "ordered_work.h"
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

using UseFn = std::function<void(size_t, const Prediction&, const std::vector<float>&)>;

/// A text on its way through a thread.
struct Run {
  size_t index;
  Prediction prediction = {};
  std::vector<float> probabilities = {};
  int64_t microseconds = 0;
};

using OwnedClassifier = std::unique_ptr<WithArena<Classifier>>;

void ClassifyOne(const LabelledText& text, const EvaluateOptions& options, WithArena<Classifier>* classifier,
                 Run* run) {
  const std::string_view pair = options.has_pairs ? std::string_view{text.text_pair} : std::string_view();
  TextOptions text_options;
  text_options.windows = options.windows;
  const int64_t start = NowMicroseconds();
  const Status status =
      (*classifier)->Classify(text.text, pair, text_options, Span<float>(run->probabilities), &run->prediction);
  run->microseconds = NowMicroseconds() - start;
  classifier->Check(status);
}

/// Classifies every text and hands each prediction to `use`, in order, with all probabilities.
RunCounts ClassifyAll(const Model& model, const std::string& model_name, const std::vector<LabelledText>& texts,
                      const EvaluateOptions& options, const UseFn& use) {
  RunCounts counts;
  counts.num_threads = std::min(options.num_threads, texts.size());
  OnePerThread<OwnedClassifier> classifiers(counts.num_threads, [&](EngineNotes notes) {
    return std::make_unique<WithArena<Classifier>>(model, Options(), model_name, notes);
  });
  OrderedWork<Run> work(counts.num_threads, [&](size_t thread, Run* run) {
    run->probabilities.resize(model.info().num_classes);
    ClassifyOne(texts[run->index], options, classifiers[thread].get(), run);
  });
  const int64_t start = NowMicroseconds();
  int64_t microseconds = 0;
  for (size_t given = 0, taken = 0; taken < texts.size();) {
    if (given < texts.size() && !work.IsFull()) {
      work.Give({given++}, sizeof(Run) + model.info().num_classes * sizeof(float));
      continue;
    }
    Run run = {};
    work.Take(&run);
    microseconds += run.microseconds;
    counts.truncated += run.prediction.truncated;
    counts.windows += run.prediction.num_windows;
    use(run.index, run.prediction, run.probabilities);
    ++taken;
    if (options.progress) options.progress(taken, texts.size());
  }
  const double count = static_cast<double>(texts.size());
  counts.milliseconds_per_text = static_cast<double>(microseconds) / 1e3 / count;
  counts.texts_per_second = 1e6 * count / static_cast<double>(std::max<int64_t>(1, NowMicroseconds() - start));
  return counts;
}

double NumberOf(const std::string& label, const std::string& place) {
  char* end = nullptr;
  const double value = std::strtod(label.c_str(), &end);
  if (!label.empty() && end == label.c_str() + label.size() && std::isfinite(value)) return value;
  throw Error(ExitCode::kBadInput, place + ": label \"" + label + "\" is no number; the model is a regression");
}

double Correlation(const std::vector<double>& x, const std::vector<double>& y) {
  const double n = static_cast<double>(x.size());
  const double mean_x = std::accumulate(x.begin(), x.end(), 0.0) / n;
  const double mean_y = std::accumulate(y.begin(), y.end(), 0.0) / n;
  double xx = 0, yy = 0, xy = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    xx += (x[i] - mean_x) * (x[i] - mean_x);
    yy += (y[i] - mean_y) * (y[i] - mean_y);
    xy += (x[i] - mean_x) * (y[i] - mean_y);
  }
  return xx == 0 || yy == 0 ? 0 : xy / std::sqrt(xx * yy);
}

std::vector<double> RanksOf(const std::vector<double>& values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    for (size_t i = begin; i < end; ++i) ranks[order[i]] = static_cast<double>(begin + end - 1) / 2;
  }
  return ranks;
}

/// Of one class, or of all together.
struct Counts {
  size_t right = 0;      // predicted, and a label
  size_t predicted = 0;  // right or not
  size_t labelled = 0;   // found or not

  size_t all() const { return predicted + labelled; }
  double f1() const { return all() == 0 ? 0 : 2.0 * static_cast<double>(right) / static_cast<double>(all()); }
};

}  // namespace

Evaluation Evaluate(const Model& model, const std::string& model_name, const std::vector<LabelledText>& texts,
                    const std::string& texts_name, const EvaluateOptions& options) {
  if (model.info().task != Task::kClassification && model.info().task != Task::kEmbedding) {
    throw Error(ExitCode::kUnsupported,
                model_name + ": of task " + TaskName(model.info().task) + "; accuracy is for classification");
  }
  if (model.info().num_classes == 0) {
    throw Error(ExitCode::kUnsupported, model_name + ": has no classification head, so there is nothing to evaluate");
  }
  const std::vector<std::string> labels = LabelNames(model);
  std::vector<size_t> expected;
  for (const LabelledText& text : texts) {
    const std::string place = texts_name + ": line " + std::to_string(text.line);
    expected.push_back(ClassOf(text.label, labels, labels.size(), place));
  }
  Evaluation result;
  result.count = texts.size();
  result.confusion.assign(labels.size(), std::vector<size_t>(labels.size()));
  static_cast<RunCounts&>(result) =
      ClassifyAll(model, model_name, texts, options, [&](size_t i, const Prediction& prediction, const auto&) {
        const bool is_right = prediction.class_index == expected[i];
        result.correct += is_right;
        ++result.confusion[expected[i]][prediction.class_index];
        result.answers.push_back({prediction.probability, is_right});
      });
  result.macro_f1 = MacroF1(result.confusion);
  return result;
}

MultiLabelEvaluation EvaluateMultiLabel(const Model& model, const std::string& model_name,
                                        const std::vector<LabelledText>& texts, const std::string& texts_name,
                                        const EvaluateOptions& options) {
  const std::vector<std::string> labels = LabelNames(model);
  std::vector<std::vector<bool>> expected;
  expected.reserve(texts.size());
  for (const LabelledText& text : texts) {
    expected.push_back(ClassesOf(text.label, labels, texts_name + ": line " + std::to_string(text.line)));
  }
  MultiLabelEvaluation result;
  result.count = texts.size();
  std::vector<Counts> of_class(labels.size());
  const auto count = [&](size_t i, const Prediction&, const std::vector<float>& probabilities) {
    bool is_exact = true;
    for (size_t c = 0; c < labels.size(); ++c) {
      const bool is_label = expected[i][c];
      const bool is_predicted = probabilities[c] >= options.threshold;
      of_class[c].right += is_label && is_predicted;
      of_class[c].predicted += is_predicted;
      of_class[c].labelled += is_label;
      is_exact &= is_label == is_predicted;
    }
    result.exact += is_exact;
  };
  static_cast<RunCounts&>(result) = ClassifyAll(model, model_name, texts, options, count);
  Counts all;
  size_t num_seen = 0;
  for (const Counts& counts : of_class) {
    all = {all.right + counts.right, all.predicted + counts.predicted, all.labelled + counts.labelled};
    num_seen += counts.all() != 0;
    result.macro_f1 += counts.f1();
  }
  if (num_seen != 0) result.macro_f1 /= static_cast<double>(num_seen);
  result.micro_f1 = all.f1();
  return result;
}

RegressionEvaluation EvaluateRegression(const Model& model, const std::string& model_name,
                                        const std::vector<LabelledText>& texts, const std::string& texts_name,
                                        const EvaluateOptions& options) {
  std::vector<double> expected, found;
  for (const LabelledText& text : texts) {
    expected.push_back(NumberOf(text.label, texts_name + ": line " + std::to_string(text.line)));
  }
  RegressionEvaluation result;
  result.count = texts.size();
  static_cast<RunCounts&>(result) =
      ClassifyAll(model, model_name, texts, options, [&](size_t i, const Prediction& prediction, const auto&) {
        found.push_back(static_cast<double>(prediction.probability));
        const double error = found[i] - expected[i];
        result.mean_squared_error += error * error / static_cast<double>(texts.size());
        result.mean_absolute_error += std::fabs(error) / static_cast<double>(texts.size());
      });
  result.pearson = Correlation(found, expected);
  result.spearman = Correlation(RanksOf(found), RanksOf(expected));
  return result;
}

}  // namespace smx::tools
