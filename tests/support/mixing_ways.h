#ifndef SMX_TESTS_SUPPORT_MIXING_WAYS_H_
#define SMX_TESTS_SUPPORT_MIXING_WAYS_H_

#include <cstddef>
#include <vector>

#include "smx/model.h"
#include "smx/options.h"
#include "smx/report.h"
#include "support/random_model.h"

namespace smx::tests {

/// A random model with one kind of mixing in every layer; `length` and `d_model` 0 are left to chance.
tools::ModelContent ModelOfMixing(uint64_t seed, schema::MixingKind mixing, uint32_t length = 0, uint32_t d_model = 0);

/// The ways of mixing that this build has.
std::vector<MixingWay> Ways();

struct MixingRows {
  size_t rows = 0, cols = 0;
  std::vector<float> values;
};

/// The first layer: what its mixing read, the embedding's output, and what it made.
struct MixingSeen {
  MixingRows x, mixed;
};

/// Runs a text, every row of it.
MixingSeen RunMixing(const Model& model, MixingWay way, const TokenInput& input);

/// The largest difference, as a part of the largest expected value. Sizes must agree.
double RelativeError(const std::vector<double>& expected, const MixingRows& found);

/// Of the first stage that has a choice; fails the test when there is none.
StageChoice ChoiceOf(const Model& model, const Options& options);

}  // namespace smx::tests

#endif  // SMX_TESTS_SUPPORT_MIXING_WAYS_H_
