// Whole models against what the JAX reference answered, through the programs that users have.

#include <algorithm>
#include <cmath>

#include <doctest/doctest.h>

#include "model_config.h"
#include "safetensors.h"
#include "support/models.h"
#include "support/process.h"
#include "support/tolerance.h"

using smx::tests::GoldenCases;
using smx::tests::GoldenFolder;
using smx::tests::GoldenIo;
using smx::tests::ProcessResult;
using smx::tests::RunProgram;
using smx::tests::TemporaryFolder;
using smx::tools::Array;
using smx::tools::ArrayMap;
using smx::tools::ReadSafetensors;

namespace {

/// Quantizes a golden case to `type` and runs its inputs through every layer.
ArrayMap RunCase(const std::string& name, const std::string& type, const std::string& threads = "1") {
  const TemporaryFolder folder;
  const std::string model = folder.Path("model.smx");
  const std::string output = folder.Path("out.safetensors");
  const ProcessResult quantized = RunProgram("smx-quantize", {GoldenFolder(name) + "/params.safetensors", "-o", model,
                                                              "--type", type, "--routing-group", "batch"});
  REQUIRE_MESSAGE(quantized.exit_code == 0, quantized.err);
  const ProcessResult run = RunProgram(
      "smx", {"run", model, "--input", GoldenIo(name), "--output", output, "--layers", "--threads", threads});
  REQUIRE_MESSAGE(run.exit_code == 0, run.err);
  return ReadSafetensors(output);
}

double LargestDifference(const Array& a, const Array& b) {
  REQUIRE(a.shape == b.shape);
  REQUIRE(a.dtype == b.dtype);
  if (a.dtype == "U8") return a.bytes == b.bytes ? 0 : 1;
  const std::vector<float> x = smx::tools::ToFloat("a", a);
  const std::vector<float> y = smx::tools::ToFloat("b", b);
  double largest = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double difference = std::fabs(static_cast<double>(x[i]) - static_cast<double>(y[i]));
    if (!(difference <= largest)) largest = difference;  // NaN sticks
  }
  return largest;
}

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

double BoundOf(const std::string& name) {
  const ArrayMap params = ReadSafetensors(GoldenFolder(name) + "/params.safetensors");
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

TEST_CASE("golden f32: every array of every case, as the reference has it") {
  for (const std::string& name : GoldenCases()) {
    CAPTURE(name);
    const ArrayMap expected = ReadSafetensors(GoldenIo(name));
    const ArrayMap found = RunCase(name, "f32");
    for (const auto& [array_name, array] : expected) {
      if (array_name == "input_ids" || array_name == "type_ids") continue;
      CAPTURE(array_name);
      REQUIRE(found.count(array_name) == 1);
      CHECK(LargestDifference(found.at(array_name), array) <= smx::tests::kGoldenF32);
    }
  }
}

TEST_CASE("golden int8: logits stay within the derived bound, and the best class where the margin exceeds it") {
  size_t num_decided = 0;
  for (const std::string& name : GoldenCases()) {
    CAPTURE(name);
    const Array expected = ReadSafetensors(GoldenIo(name)).at("logits");
    const Array found = RunCase(name, "int8").at("logits");
    const double bound = BoundOf(name);
    CAPTURE(bound);
    CHECK(LargestDifference(found, expected) <= bound);
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
}

TEST_CASE("golden int8: two threads give the same bits as one") {
  for (const char* name : {"sparse_mixer", "medium"}) {
    CAPTURE(name);
    const ArrayMap one = RunCase(name, "int8", "1");
    const ArrayMap two = RunCase(name, "int8", "2");
    for (const auto& [array_name, array] : one) {
      CAPTURE(array_name);
      CHECK(two.at(array_name).bytes == array.bytes);
    }
  }
}
