// smx-bench-kernels: every kernel has entries that run and report; never how fast they are.

#include <algorithm>
#include <array>
#include <cstring>
#include <set>
#include <string>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "base/cpu_features.h"
#include "kernels/kernel_table.h"
#include "support/process.h"

using nlohmann::json;
using smx::KernelTable;
using smx::tests::ProcessResult;
using smx::tests::RunProgram;

namespace {

constexpr size_t kNumKernels = sizeof(KernelTable) / sizeof(void (*)());

/// How many kernels of the tables are not the same.
size_t NumDifferent(const KernelTable& a, const KernelTable& b) {
  std::array<void (*)(), kNumKernels> of_a, of_b;
  static_assert(sizeof(of_a) == sizeof(a));
  std::memcpy(of_a.data(), &a, sizeof(a));
  std::memcpy(of_b.data(), &b, sizeof(b));
  size_t count = 0;
  for (size_t i = 0; i < kNumKernels; ++i) count += of_a[i] != of_b[i];
  return count;
}

}  // namespace

TEST_CASE("kernel benchmarks: every kernel of the table has entries, each of which runs and reports its figures") {
  const ProcessResult result =
      RunProgram("smx-bench-kernels", {"--benchmark_min_time=0.000001", "--benchmark_format=json"});
  REQUIRE(result.exit_code == 0);
  const json report = json::parse(result.out);
  const std::string isa = report.at("context").at("instruction set of kernels");
  CHECK(!report.at("context").at("instruction set of XNNPACK's int8 products").get<std::string>().empty());

  std::set<std::string> all, reference, best;
  for (const json& entry : report.at("benchmarks")) {
    const std::string name = entry.at("name");
    CAPTURE(name);
    CHECK_FALSE(entry.contains("error_occurred"));
    for (const char* key : {"bytes_per_second", "peak_bytes_per_second", "percent_of_peak"}) {
      CAPTURE(key);
      REQUIRE(entry.contains(key));
      CHECK(entry.at(key).get<double>() > 0);
    }
    const bool multiplies = name.find("product_") == 0 || name.find("attention_") == 0 || name.find("router_") == 0;
    CHECK(entry.contains("macs") == multiplies);
    const std::string variant = name.substr(0, name.find('/'));
    all.insert(variant);
    const std::string op = variant.substr(0, variant.find("__"));
    if (variant == op + "__reference") reference.insert(op);
    if (variant == op + "__" + isa) best.insert(op);
  }
  // Byte products have no reference: they are other ways to the values of product_qd8_f32_qc8w.
  CHECK(reference.size() == kNumKernels - 3);
  const KernelTable kernels = smx::MakeKernelTable(true);
  const bool has_panels = kernels.product_panels != nullptr;
  const std::string own = smx::HasAmxInt8() ? "__amx" : "__vnni";
  for (const char* name : {"product_qd8_f32_qc8w", "product_of_columns"}) {
    CHECK(all.count(name + own) == has_panels);
  }
  CHECK(best.size() == (isa == "reference" ? kNumKernels - 3 : NumDifferent(KernelTable(), kernels) - 3 * has_panels));
}

TEST_CASE("kernel benchmarks: an unknown argument is refused") {
  const ProcessResult result = RunProgram("smx-bench-kernels", {"--frobnicate"});
  CHECK(result.exit_code == 2);
  CHECK(result.err.find("--frobnicate") != std::string::npos);
}
