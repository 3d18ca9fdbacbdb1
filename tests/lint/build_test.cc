// What a build says of itself.

#include <doctest/doctest.h>

#include "support/process.h"

using smx::tests::ProcessResult;
using smx::tests::RunProgram;

TEST_CASE("build: without XNNPACK configuring stops, says so, and names every way on") {
  const smx::tests::TemporaryFolder folder;
  const ProcessResult result =
      RunProgram(SMX_CMAKE, {"-S", std::string(SMX_TESTS_DIR) + "/..", "-B", folder.Path("build"), "-G", "Ninja",
                             "-DXNNPACK_INCLUDE_DIR=/nonexistent", "-DXNNPACK_LIBRARY=/nonexistent.so"});
  CHECK(result.exit_code != 0);
  for (const char* words :
       {"needs XNNPACK of 2024-11", "tools/deps/install.sh", "-DSMX_FETCH_DEPENDENCIES=ON", "-DSMX_WITH_XNNPACK=OFF"}) {
    CAPTURE(words);
    CHECK(result.err.find(words) != std::string::npos);
  }
}

TEST_CASE("build: without KissFFT configuring stops, says so, and names every way on") {
  const smx::tests::TemporaryFolder folder;
  const ProcessResult result =
      RunProgram(SMX_CMAKE, {"-S", std::string(SMX_TESTS_DIR) + "/..", "-B", folder.Path("build"), "-G", "Ninja",
                             "-DSMX_WITH_XNNPACK=OFF", "-DKISSFFT_LIBRARY=OFF"});
  CHECK(result.exit_code != 0);
  for (const char* words :
       {"needs KissFFT", "tools/deps/install.sh", "-DSMX_FETCH_DEPENDENCIES=ON", "-DSMX_WITH_KISSFFT=OFF"}) {
    CAPTURE(words);
    CHECK(result.err.find(words) != std::string::npos);
  }
}

TEST_CASE("build: without Highway configuring stops, says so, and names every way on") {
  const smx::tests::TemporaryFolder folder;
  const ProcessResult result =
      RunProgram(SMX_CMAKE, {"-S", std::string(SMX_TESTS_DIR) + "/..", "-B", folder.Path("build"), "-G", "Ninja",
                             "-DSMX_WITH_XNNPACK=OFF", "-DSMX_WITH_KISSFFT=OFF", "-DSMX_HIGHWAY_INCLUDE_DIR=OFF"});
  CHECK(result.exit_code != 0);
  for (const char* words :
       {"needs Highway 1.2", "tools/deps/install.sh", "-DSMX_FETCH_DEPENDENCIES=ON", "-DSMX_WITH_HIGHWAY=OFF"}) {
    CAPTURE(words);
    CHECK(result.err.find(words) != std::string::npos);
  }
}

TEST_CASE(
    "build: benchmarks of kernels without Google Benchmark stop configuring, which says so and names every way on") {
  const smx::tests::TemporaryFolder folder;
  const ProcessResult result =
      RunProgram(SMX_CMAKE, {"-S", std::string(SMX_TESTS_DIR) + "/..", "-B", folder.Path("build"), "-G", "Ninja",
                             "-DSMX_BUILD_BENCHMARKS=ON", "-DCMAKE_DISABLE_FIND_PACKAGE_benchmark=ON"});
  CHECK(result.exit_code != 0);
  for (const char* words : {"needs Google Benchmark", "tools/deps/install.sh --test", "-DSMX_BUILD_BENCHMARKS=OFF"}) {
    CAPTURE(words);
    CHECK(result.err.find(words) != std::string::npos);
  }
}

TEST_CASE("build: pinned sources are pinned by the hash of a commit") {
  const std::string fetch =
      smx::tests::ReadFile(std::string(SMX_TESTS_DIR) + "/../platforms/cmake/SmxFetchDependencies.cmake");
  size_t tags = 0;
  for (size_t at = fetch.find("GIT_TAG "); at != std::string::npos; at = fetch.find("GIT_TAG ", at + 1), ++tags) {
    const std::string hash = fetch.substr(at + 8, 40);
    CHECK(hash.find_first_not_of("0123456789abcdef") == std::string::npos);
  }
  CHECK(tags == 4);
}

TEST_CASE("install.sh: lists every package with what it is for, and refuses what it does not know") {
  const std::string script = std::string(SMX_TESTS_DIR) + "/../tools/deps/install.sh";
  const ProcessResult list = RunProgram("/bin/sh", {script, "--list"});
  CHECK(list.exit_code == 0);
  for (const char* package : {"libxnnpack-dev", "flatbuffers-compiler", "doctest-dev", "python3-torch"}) {
    CHECK(list.out.find(package) != std::string::npos);
  }
  CHECK(RunProgram("/bin/sh", {script, "--frobnicate"}).exit_code == 2);
}
