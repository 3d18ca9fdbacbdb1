#include "confidence.h"

#include <algorithm>
#include <cmath>

namespace smx::tools {

double CalibrationError(const std::vector<Answer>& answers, size_t num_bins) {
  std::vector<double> gaps(num_bins);  // right answers less probabilities
  for (const Answer& answer : answers) {
    const double probability = static_cast<double>(answer.probability);
    const auto bin = static_cast<size_t>(probability * static_cast<double>(num_bins));
    gaps[std::min(bin, num_bins - 1)] += (answer.is_right ? 1.0 : 0.0) - probability;
  }
  double sum = 0;
  for (const double gap : gaps) sum += std::fabs(gap);
  return sum / static_cast<double>(answers.size());
}

std::vector<Abstention> Abstentions(const std::vector<Answer>& answers) {
  std::vector<Answer> sorted = answers;
  std::sort(sorted.begin(), sorted.end(),
            [](const Answer& a, const Answer& b) { return a.probability > b.probability; });
  std::vector<Abstention> all;
  Abstention next = {0, 0, 0};
  for (size_t i = 0; i < sorted.size(); ++i) {
    ++next.answered;
    next.right += sorted[i].is_right ? 1 : 0;
    const bool is_last = i + 1 == sorted.size();
    if (!is_last && sorted[i + 1].probability == sorted[i].probability) continue;
    next.threshold = is_last ? 0 : sorted[i].probability;
    all.push_back(next);
  }
  return all;
}

std::optional<Abstention> LeastThreshold(const std::vector<Abstention>& all, double precision) {
  const auto found =
      std::find_if(all.rbegin(), all.rend(), [&](const Abstention& one) { return one.precision() >= precision; });
  return found == all.rend() ? std::nullopt : std::optional<Abstention>(*found);
}

Abstention MostPrecise(const std::vector<Abstention>& all) {
  return *std::max_element(all.rbegin(), all.rend(),
                           [](const Abstention& a, const Abstention& b) { return a.precision() < b.precision(); });
}

}  // namespace smx::tools
