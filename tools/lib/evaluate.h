#ifndef SMX_TOOLS_LIB_EVALUATE_H_
#define SMX_TOOLS_LIB_EVALUATE_H_

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "confidence.h"
#include "smx/model.h"
#include "smx/tokenizer.h"
#include "tsv.h"

namespace smx::tools {

/// What it took to run some texts.
struct RunCounts {
  double milliseconds_per_text = 0;  // tokenizer, encoder and softmax; wall time on the text's thread, in the mean
  double texts_per_second = 0;       // of all threads
  size_t num_threads = 0;            // that took texts
  size_t truncated = 0;              // texts longer than the model reads
  size_t windows = 0;                // of all texts
};

/// What a model got right on labelled texts.
struct Evaluation : RunCounts {
  size_t count = 0;
  size_t correct = 0;
  double macro_f1 = 0;                         // mean over the classes that occur as label or prediction
  std::vector<std::vector<size_t>> confusion;  // [label][prediction]
  std::vector<Answer> answers;                 // of each text

  double accuracy() const { return count == 0 ? 0 : static_cast<double>(correct) / static_cast<double>(count); }
};

struct EvaluateOptions {
  size_t num_threads = 1;  // each with texts of its own
  float threshold = 0.5f;  // of a probability, where a text may have several labels
  WindowOptions windows = {};
  bool has_pairs = false;                             // texts come with a text_pair
  std::function<void(size_t, size_t)> progress = {};  // (done, count) after each text; may be empty
};

/// Classifies every text, each thread with a Classifier of its own; the names are for messages.
/// Error(kBadInput) for a label that the model does not have, Error(kUnsupported) for a model that cannot classify.
Evaluation Evaluate(const Model& model, const std::string& model_name, const std::vector<LabelledText>& texts,
                    const std::string& texts_name, const EvaluateOptions& options);

/// What a model that gives any number of labels got right. F1 is 2 tp / (2 tp + fp + fn).
struct MultiLabelEvaluation : RunCounts {
  size_t count = 0;
  size_t exact = 0;     // texts with all their labels and no other
  double micro_f1 = 0;  // of all pairs of a text and a class; 0 where there is no label at all
  double macro_f1 = 0;  // mean over the classes that occur as label or prediction

  double exact_match() const { return static_cast<double>(exact) / static_cast<double>(count); }
};

/// The same for a model of Task::kMultiLabel, whose texts have labels as ClassesOf reads them; a class is predicted
/// where its probability is options.threshold or more. Error(kBadInput) for a label that the model does not have.
MultiLabelEvaluation EvaluateMultiLabel(const Model& model, const std::string& model_name,
                                        const std::vector<LabelledText>& texts, const std::string& texts_name,
                                        const EvaluateOptions& options);

/// How close the values of a regression model come to those that texts are labelled with.
struct RegressionEvaluation : RunCounts {
  size_t count = 0;
  double mean_squared_error = 0;
  double mean_absolute_error = 0;
  double pearson = 0;   // correlation of the values; 0 where one side is always the same
  double spearman = 0;  // the same of their ranks, equal values sharing the mean of theirs
};

/// The same for a regression model, whose labels are numbers. Error(kBadInput) for a label that is none.
RegressionEvaluation EvaluateRegression(const Model& model, const std::string& model_name,
                                        const std::vector<LabelledText>& texts, const std::string& texts_name,
                                        const EvaluateOptions& options);

}  // namespace smx::tools

#endif  // SMX_TOOLS_LIB_EVALUATE_H_
