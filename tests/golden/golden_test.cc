// Whole models against what the JAX reference answered, through the programs that users have.

#include <algorithm>
#include <cmath>

#include <doctest/doctest.h>

#include "golden/golden_run.h"
#include "model_config.h"
#include "support/models.h"
#include "support/tolerance.h"

using smx::tests::GoldenCases;
using smx::tests::GoldenFolder;
using smx::tests::GoldenIo;
using smx::tests::LargestDifference;
using smx::tests::RunGolden;
using smx::tools::Array;
using smx::tools::ArrayMap;
using smx::tools::ReadSafetensors;

namespace {

/// sqrt of the largest sum of squares along one axis of a matrix.
double LargestNorm(const Array& array, bool of_columns) {
  const std::vector<float> values = smx::tools::ToFloat("matrix", array);
  const size_t cols = array.shape[1];
  std::vector<double> sums(of_columns ? cols : array.shape[0]);
  for (size_t i = 0; i < values.size(); ++i) {
    sums[of_columns ? i % cols : i / cols] += static_cast<double>(values[i]) * static_cast<double>(values[i]);
  }
  return std::sqrt(*std::max_element(sums.begin(), sums.end()));
}

/// Whether every expert has the same tokens in the same places.
bool HasSameRouting(const ArrayMap& a, const ArrayMap& b) {
  return std::all_of(b.begin(), b.end(), [&a](const auto& item) {
    const bool is_dispatch = item.first.find("/dispatch") != std::string::npos;
    return !is_dispatch || a.at(item.first).bytes == item.second.bytes;
  });
}

double BoundOf(const std::string& name) {
  const ArrayMap params = ReadSafetensors(smx::tests::GoldenParams(name));
  const size_t layers = smx::tools::ReadModelConfig(GoldenFolder(name) + "/config.json", {}).layers.size();
  return smx::tests::Int8LogitBound(layers, LargestNorm(params.at("encoder/pooler/kernel"), true),
                                    LargestNorm(params.at("classification/output_kernel"), false));
}

struct Top {
  size_t index;
  double margin;  // to the second best
};

Top TopOf(const float* logits, size_t n) {
  const size_t best = static_cast<size_t>(std::max_element(logits, logits + n) - logits);
  double margin = INFINITY;
  for (size_t i = 0; i < n; ++i) {
    if (i != best) margin = std::min(margin, static_cast<double>(logits[best]) - static_cast<double>(logits[i]));
  }
  return {best, margin};
}

}  // namespace

namespace {

void CheckF32(const std::string& name, const std::vector<std::string>& run_flags = {}) {
  CAPTURE(name);
  const ArrayMap found = RunGolden(name, {"--type", "f32", "--routing-group", "batch"}, run_flags);
  for (const auto& entry : ReadSafetensors(GoldenIo(name))) {
    const auto& array_name = entry.first;
    const auto& array = entry.second;
    if (array_name == "input_ids" || array_name == "type_ids") continue;
    CAPTURE(array_name);
    REQUIRE(found.count(array_name) == 1);
    CHECK(LargestDifference(found.at(array_name), array) <= smx::tests::kGoldenF32);
  }
}

ArrayMap RunInt8(const std::string& name, const std::string& threads) {
  return RunGolden(name, {"--type", "int8", "--routing-group", "batch"}, {"--threads", threads});
}

}  // namespace

TEST_CASE("golden f32: every array of every case, as the reference has it") {
  for (const std::string& name : GoldenCases()) CheckF32(name);
}

TEST_CASE("golden f32: Fourier and Hartley mixing by products, too") {
  for (const char* name : {"f_net", "h_net", "odd_f_net", "odd_h_net"}) CheckF32(name, {"--reference"});
}

TEST_CASE("golden f32: use_fft of config.json, which changes the reference's rounding, changes no answer of ours") {
  for (const std::string& name : smx::tests::GoldenFftCases()) CheckF32(name);
}

TEST_CASE("golden int8: logits stay within the derived bound, and the best class where the margin exceeds it") {
  size_t num_decided = 0;
  size_t num_rerouted = 0;
  for (const std::string& name : GoldenCases()) {
    CAPTURE(name);
    const ArrayMap all_expected = ReadSafetensors(GoldenIo(name));
    const ArrayMap all_found = RunInt8(name, "1");
    const Array& expected = all_expected.at("logits");
    const Array& found = all_found.at("logits");
    const double bound = BoundOf(name);
    CAPTURE(bound);
    const double difference = LargestDifference(found, expected);
    if (!(difference <= bound)) {
      // The bound is of rounding; another expert is another function. Random weights route many tokens by a hair.
      MESSAGE(name << ": logits differ by " << difference << ", bound " << bound << ": a token took another expert");
      CHECK_FALSE(HasSameRouting(all_found, all_expected));
      ++num_rerouted;
      continue;
    }
    const size_t classes = expected.shape[1];
    const std::vector<float> x = smx::tools::ToFloat("expected", expected);
    const std::vector<float> y = smx::tools::ToFloat("found", found);
    for (size_t text = 0; text < expected.shape[0]; ++text) {
      const Top top = TopOf(x.data() + text * classes, classes);
      if (top.margin <= bound) continue;
      ++num_decided;
      CHECK(TopOf(y.data() + text * classes, classes).index == top.index);
    }
  }
  CHECK(num_decided >= 5);
  CHECK(num_rerouted <= 3);  // regression, batch_routing and tokens_choose_mask_no_bpr
}

TEST_CASE("golden int8: two threads give the same bits as one") {
  for (const char* name : {"sparse_mixer", "fast_sparse_mixer"}) {
    CAPTURE(name);
    const ArrayMap one = RunInt8(name, "1");
    const ArrayMap two = RunInt8(name, "2");
    for (const auto& entry : one) {
      const auto& array_name = entry.first;
      const auto& array = entry.second;
      CAPTURE(array_name);
      CHECK(two.at(array_name).bytes == array.bytes);
    }
  }
}
