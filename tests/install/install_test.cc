// What `cmake --install` puts down, and two projects that use the engine as others would. They are configured and built
// anew, with the compiler of this build.

#include <filesystem>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/process.h"

using smx::tests::ProcessResult;
using smx::tests::ReadFile;
using smx::tests::RunProgram;
using smx::tests::TemporaryFolder;

namespace {

namespace fs = std::filesystem;

const std::string kRoot = fs::canonical(std::string(SMX_TESTS_DIR) + "/..").string();
const std::string kBuild = fs::canonical(SMX_BUILD_DIR).string();

void RunOrFail(const std::vector<std::string>& cmake_arguments) {
  const ProcessResult result = RunProgram(SMX_CMAKE, cmake_arguments);
  REQUIRE_MESSAGE(result.exit_code == 0, result.out << result.err);
}

/// Installed once, then moved: whoever uses it must find it where it is, not where it was meant to be.
const std::string& Prefix() {
  static const TemporaryFolder folder;
  static const std::string prefix = [] {
    RunOrFail({"--install", kBuild, "--prefix", folder.Path("installed")});
    fs::rename(folder.Path("installed"), folder.Path("moved"));
    return folder.Path("moved");
  }();
  return prefix;
}

std::vector<std::string> InstalledFiles() {
  std::vector<std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(Prefix())) {
    if (entry.is_regular_file()) files.push_back(entry.path().string());
  }
  return files;
}

ProcessResult Configure(const std::string& project, const std::string& build, std::vector<std::string> flags) {
  std::vector<std::string> arguments = {"-S",
                                        std::string(SMX_TESTS_DIR) + "/install/" + project,
                                        "-B",
                                        build,
                                        "-G",
                                        "Ninja",
                                        std::string("-DCMAKE_BUILD_TYPE=") + SMX_BUILD_TYPE,
                                        std::string("-DCMAKE_CXX_COMPILER=") + SMX_CXX_COMPILER,
                                        "-DSMX_PROGRAM=" + kRoot + "/examples/classify_text/main.cc"};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  return RunProgram(SMX_CMAKE, arguments);
}

/// Configures and builds a project of tests/install and checks that its program says what the README does.
void CheckConsumer(const std::string& project, const std::string& build, const std::vector<std::string>& flags) {
  const ProcessResult configured = Configure(project, build, flags);
  REQUIRE_MESSAGE(configured.exit_code == 0, configured.out << configured.err);
  RunOrFail({"--build", build});

  const std::string model = build + "/model.smx";
  const std::string checkpoint = kRoot + "/examples/models/banking77/model.safetensors";
  const ProcessResult made = RunProgram(Prefix() + "/bin/smx-quantize", {checkpoint, "-o", model});
  REQUIRE_MESSAGE(made.exit_code == 0, made.err);
  const ProcessResult said = RunProgram(build + "/consumer", {model});
  CHECK(said.exit_code == 0);
  CHECK(said.out.rfind("card_arrival 0.", 0) == 0);
}

bool EndsWith(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

}  // namespace

TEST_CASE(
    "install: every public header, the library, its package, both programs and the licence; no header of others") {
  size_t num_headers = 0;
  std::string all;
  for (const std::string& file : InstalledFiles()) {
    all += file.substr(Prefix().size()) + "\n";
    if (!EndsWith(file, ".h")) continue;
    ++num_headers;
    CHECK(file.find("/include/smx/") != std::string::npos);
    CHECK(ReadFile(file) == ReadFile(kRoot + "/engine/include/smx/" + fs::path(file).filename().string()));
  }
  CAPTURE(all);
  const auto in_source = fs::directory_iterator(kRoot + "/engine/include/smx");
  CHECK(num_headers == static_cast<size_t>(std::distance(begin(in_source), end(in_source))));
  for (const char* file : {"/libsmx_engine.a\n", "/SparseMixerConfig.cmake\n", "/SparseMixerConfigVersion.cmake\n",
                           "/SparseMixerTargets.cmake\n", "/bin/smx\n", "/bin/smx-quantize\n", "/LICENSE\n"}) {
    CAPTURE(file);
    CHECK(all.find(file) != std::string::npos);
  }
  CHECK((all.find("/FindXNNPACK.cmake\n") != std::string::npos) == (SMX_WITH_XNNPACK != 0));
  CHECK((all.find("/FindKissFFT.cmake\n") != std::string::npos) == (SMX_WITH_KISSFFT != 0));
}

TEST_CASE("install: no file knows the folder that it was built in or from; the package never speaks of FlatBuffers") {
  const std::string type = SMX_BUILD_TYPE;
  const bool has_debug_information = type == "Debug" || type == "RelWithDebInfo";
  for (const std::string& file : InstalledFiles()) {
    CAPTURE(file);
    const bool is_text = EndsWith(file, ".h") || EndsWith(file, ".cmake");
    const std::string content = ReadFile(file);
    CHECK(content.size() > 100);
    if (is_text) CHECK(content.find("latbuffers") == std::string::npos);
    if (!is_text && has_debug_information) continue;
    CHECK(content.find(kBuild) == std::string::npos);
    CHECK(content.find(kRoot) == std::string::npos);
  }
}

TEST_CASE("install: a project finds the package after it was moved, and labels the README's text") {
  const TemporaryFolder folder;
  CheckConsumer("find_package", folder.Path("build"),
                {"-DCMAKE_PREFIX_PATH=" + Prefix(), "-DSMX_WANTED_VERSION=" SMX_VERSION});
}

TEST_CASE("install: a project that asks for another minor version is told what there is") {
  const TemporaryFolder folder;
  const ProcessResult result = Configure("find_package", folder.Path("build"),
                                         {"-DCMAKE_PREFIX_PATH=" + Prefix(), "-DSMX_WANTED_VERSION=0.999"});
  CHECK(result.exit_code != 0);
  CHECK(result.err.find("version: " SMX_VERSION) != std::string::npos);
}

#if SMX_WITH_XNNPACK
TEST_CASE("install: on a machine without XNNPACK the package says that it is missing") {
  const TemporaryFolder folder;
  const ProcessResult result = Configure(
      "find_package", folder.Path("build"),
      {"-DCMAKE_PREFIX_PATH=" + Prefix(), "-DXNNPACK_INCLUDE_DIR=/nonexistent", "-DXNNPACK_LIBRARY=/none.so"});
  CHECK(result.exit_code != 0);
  CHECK(result.err.find("needs XNNPACK of 2024-11") != std::string::npos);
}
#endif

#if SMX_WITH_KISSFFT
TEST_CASE("install: on a machine without KissFFT the package says that it is missing") {
  const TemporaryFolder folder;
  const ProcessResult result =
      Configure("find_package", folder.Path("build"), {"-DCMAKE_PREFIX_PATH=" + Prefix(), "-DKISSFFT_LIBRARY=OFF"});
  CHECK(result.exit_code != 0);
  CHECK(result.err.find("needs KissFFT") != std::string::npos);
}
#endif

TEST_CASE(
    "install: a project takes the sources as a subdirectory and gets the engine, nothing else, nothing installed") {
  const TemporaryFolder folder;
  const std::string build = folder.Path("build");
  // No build type: without optimization it takes half the time, and is no other project.
  CheckConsumer("add_subdirectory", build,
                {"-DCMAKE_BUILD_TYPE=", "-DSMX_ROOT=" + kRoot,
                 std::string("-DSMX_WITH_XNNPACK=") + (SMX_WITH_XNNPACK ? "ON" : "OFF"),
                 std::string("-DSMX_WITH_KISSFFT=") + (SMX_WITH_KISSFFT ? "ON" : "OFF")});
  CHECK(fs::exists(build + "/smx/engine/libsmx_engine.a"));
  RunOrFail({"--install", build, "--prefix", folder.Path("installed")});
  CHECK_FALSE(fs::exists(folder.Path("installed")));
}
