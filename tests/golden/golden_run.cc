#include "golden/golden_run.h"

#include <cmath>

#include <doctest/doctest.h>

#include "support/models.h"
#include "support/process.h"
#include "support/programs.h"

namespace smx::tests {
namespace {

using tools::Array;
using tools::ArrayMap;

/// T[r, c] = v[n - 1 + c - r] of a Toeplitz kernel v [2n - 1], or its transpose.
Array ToeplitzMatrix(const Array& kernel, bool transposed) {
  const std::vector<float> v = tools::ToFloat("toeplitz kernel", kernel);
  const size_t n = (v.size() + 1) / 2;
  std::vector<float> matrix(n * n);
  for (size_t r = 0; r < n; ++r) {
    for (size_t c = 0; c < n; ++c) matrix[transposed ? c * n + r : r * n + c] = v[n - 1 + c - r];
  }
  return tools::FromFloat(matrix, {n, n});
}

/// Y = T_s X T_h^T is linear mixing with input_kernel T_s and hidden_kernel T_h^T.
void WriteToeplitzAsLinear(const std::string& name, const TemporaryFolder& folder) {
  ArrayMap arrays;
  for (const auto& [array_name, array] : tools::ReadSafetensors(GoldenFolder(name) + "/params.safetensors")) {
    const size_t at = array_name.find("toeplitz_transform");
    if (at == std::string::npos) {
      arrays[array_name] = array;
      continue;
    }
    const bool is_hidden = array_name.find("hidden_kernel") != std::string::npos;
    std::string linear_name = array_name;
    arrays[linear_name.replace(at, 8, "linear")] = ToeplitzMatrix(array, is_hidden);
  }
  WriteArrays(folder, "params.safetensors", arrays);
  nlohmann::json config = ReadConfig(GoldenFolder(name));
  config["model_arch"] = "LINEAR";
  folder.Write("config.json", config.dump());
}

}  // namespace

ArrayMap RunGolden(const std::string& name, const std::vector<std::string>& quantize_flags,
                   const std::vector<std::string>& run_flags) {
  const TemporaryFolder folder;
  const bool is_toeplitz = ReadConfig(GoldenFolder(name)).at("model_arch") == "T_NET";
  if (is_toeplitz) WriteToeplitzAsLinear(name, folder);
  const std::string model = folder.Path("model.smx");
  const std::string output = folder.Path("out.safetensors");
  std::vector<std::string> quantize = {
      is_toeplitz ? folder.Path("params.safetensors") : GoldenFolder(name) + "/params.safetensors", "-o", model};
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
