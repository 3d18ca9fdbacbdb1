#include "golden/golden_run.h"

#include <cmath>

#include <doctest/doctest.h>

#include "support/models.h"
#include "support/process.h"
#include "support/programs.h"

namespace smx::tests {
using tools::Array;
using tools::ArrayMap;

ArrayMap RunGolden(const std::string& name, const std::vector<std::string>& quantize_flags,
                   const std::vector<std::string>& run_flags) {
  const TemporaryFolder folder;
  const std::string model = folder.Path("model.smx");
  const std::string output = folder.Path("out.safetensors");
  std::vector<std::string> quantize = {GoldenParams(name), "--config", GoldenFolder(name) + "/config.json", "-o",
                                       model};
  quantize.insert(quantize.end(), quantize_flags.begin(), quantize_flags.end());
  const ProcessResult quantized = RunQuantize(quantize);
  REQUIRE_MESSAGE(quantized.exit_code == 0, quantized.err);
  std::vector<std::string> run = {"run", model, "--input", GoldenIo(name), "--output", output, "--layers"};
  run.insert(run.end(), run_flags.begin(), run_flags.end());
  const ProcessResult result = RunSmx(run);
  REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  return tools::ReadSafetensors(output);
}

double LargestDifference(const Array& a, const Array& b) {
  REQUIRE(a.shape == b.shape);
  REQUIRE(a.dtype == b.dtype);
  if (a.dtype != "F32") return a.bytes == b.bytes ? 0 : 1;
  const std::vector<float> x = tools::ToFloat("a", a);
  const std::vector<float> y = tools::ToFloat("b", b);
  double largest = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double difference = std::fabs(static_cast<double>(x[i]) - static_cast<double>(y[i]));
    if (!(difference <= largest)) largest = difference;
  }
  return largest;
}

}  // namespace smx::tests
