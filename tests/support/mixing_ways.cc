#include "support/mixing_ways.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include <doctest/doctest.h>

#include "support/session.h"

namespace smx::tests {
namespace {

void Keep(void* self, const Observation& seen) {
  MixingSeen& kept = *static_cast<MixingSeen*>(self);
  const auto keep = [&seen](MixingRows* rows) {
    *rows = {seen.shape[0] * seen.shape[1], seen.shape[2], {}};
    rows->values.assign(seen.values, seen.values + rows->rows * rows->cols);
  };
  if (std::strcmp(seen.name, "embedding_output") == 0) keep(&kept.x);
  if (std::strcmp(seen.name, "mixing_output") == 0 && seen.layer == 0) keep(&kept.mixed);
}

}  // namespace

tools::ModelContent ModelOfMixing(uint64_t seed, schema::MixingKind mixing, uint32_t length, uint32_t d_model) {
  Random random(seed);
  tools::ModelConfig config = RandomModelConfig(&random);
  for (tools::LayerKinds& layer : config.layers) layer.mixing = mixing;
  if (length != 0) config.max_seq_len = length;
  if (d_model != 0) {
    config.d_model = d_model;
    config.num_heads = 1;
    config.has_hidden_mapping = true;
  }
  return RandomWeights(config, &random);
}

std::vector<MixingWay> Ways() {
  if (SMX_WITH_KISSFFT) return {MixingWay::kProduct, MixingWay::kFft};
  return {MixingWay::kProduct};
}

MixingSeen RunMixing(const Model& model, MixingWay way, const TokenInput& input) {
  MixingSeen seen;
  Options options;
  options.mixing_way = way;
  options.skip_dead_rows = false;
  options.observer = {Keep, &seen};
  Session(model, options).Run(input);
  return seen;
}

double RelativeError(const std::vector<double>& expected, const MixingRows& found) {
  REQUIRE(found.values.size() == expected.size());
  double largest = 0, error = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    largest = std::max(largest, std::fabs(expected[i]));
    error = std::max(error, std::fabs(expected[i] - static_cast<double>(found.values[i])));
  }
  return error / largest;
}

StageChoice ChoiceOf(const Model& model, const Options& options) {
  Session session(model, options);
  for (const Step& step : session.encoder().steps()) {
    if (step.choice.way != nullptr) return step.choice;
  }
  FAIL("no stage had a choice");
  return {};
}

}  // namespace smx::tests
