#ifndef SMX_TOOLS_LIB_CONFIDENCE_H_
#define SMX_TOOLS_LIB_CONFIDENCE_H_

#include <cstddef>
#include <optional>
#include <vector>

namespace smx::tools {

/// How sure a model was of a text's label, the probability of the best class, and whether that label was right.
struct Answer {
  float probability;
  bool is_right;
};

/// Expected calibration error: |share of right answers - mean probability| of each of `num_bins` bins of equal width
/// over 0..1, weighted by their answers. 0: probabilities mean what they say. `answers` are not empty.
/// Source: Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks", arXiv:1706.04599.
double CalibrationError(const std::vector<Answer>& answers, size_t num_bins = 15);

/// To answer where the probability is at least `threshold` and to abstain elsewhere, as `smx classify --threshold`.
struct Abstention {
  float threshold;  // the probability of the least sure answer that is given; 0 when all are
  size_t answered;  // at least 1
  size_t right;

  double precision() const { return static_cast<double>(right) / static_cast<double>(answered); }
};

/// Every way to abstain from some of `answers`, which are not empty: equal probabilities are answered together. The
/// surest come first, the last answers all.
std::vector<Abstention> Abstentions(const std::vector<Answer>& answers);

/// The one that answers most among those whose precision is at least `precision`, 0..1; nothing when none is.
std::optional<Abstention> LeastThreshold(const std::vector<Abstention>& all, double precision);

/// The one of the highest precision; of equals, the one that answers most.
Abstention MostPrecise(const std::vector<Abstention>& all);

}  // namespace smx::tools

#endif  // SMX_TOOLS_LIB_CONFIDENCE_H_
