// The fuzz targets without a fuzzer: their seeds, what fuzzing has found, and some random damage, in every build.

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <random>

#include "fuzz/targets.h"
#include "support/full.h"
#include "support/process.h"

using smx::fuzz::SeedsOf;
using smx::fuzz::Target;
using smx::fuzz::Targets;

namespace {

namespace fs = std::filesystem;

using Bytes = std::vector<uint8_t>;

const fs::path kFound = fs::path(SMX_TESTS_DIR) / "fuzz/found";

void Run(const Target& target, const Bytes& input) { target.run(input.data(), input.size()); }

/// A few bytes changed, or a part cut out, doubled or moved.
Bytes Damaged(Bytes bytes, std::mt19937* random) {
  const auto below = [random](size_t n) { return n == 0 ? 0 : (*random)() % n; };
  for (size_t i = 0; i <= below(4); ++i) {
    const size_t at = below(bytes.size());
    const size_t n = below(std::min<size_t>(bytes.size() - at, 64));
    const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(at);
    const Bytes part(begin, begin + static_cast<std::ptrdiff_t>(n));
    switch (below(4)) {
      case 0:
        if (!bytes.empty()) bytes[at] = static_cast<uint8_t>((*random)());
        break;
      case 1:
        if (!bytes.empty()) bytes[at] = static_cast<uint8_t>(bytes[at] ^ (1u << below(8)));
        break;
      case 2:
        bytes.erase(begin, begin + static_cast<std::ptrdiff_t>(n));
        break;
      default:
        bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(below(bytes.size() + 1)), part.begin(), part.end());
    }
  }
  return bytes;
}

}  // namespace

TEST_CASE("fuzz: every target takes its seeds, and nothing at all") {
  for (const Target& target : Targets()) {
    CAPTURE(target.name);
    CHECK(!SeedsOf(target.name).empty());
    for (const Bytes& seed : SeedsOf(target.name)) Run(target, seed);
    Run(target, {});
  }
}

TEST_CASE("fuzz: what fuzzing has found stays fixed") {
  size_t num_files = 0;
  for (const auto& folder : fs::directory_iterator(kFound)) {
    const std::string name = folder.path().filename();
    const auto target =
        std::find_if(Targets().begin(), Targets().end(), [&name](const Target& each) { return each.name == name; });
    REQUIRE_MESSAGE(target != Targets().end(), "no target " << name);
    for (const auto& file : fs::directory_iterator(folder.path())) {
      const std::string content = smx::tests::ReadFile(file.path());
      Run(*target, Bytes(content.begin(), content.end()));
      ++num_files;
    }
  }
  CHECK(num_files > 0);
}

TEST_CASE("fuzz: every target takes randomly damaged seeds") {
  const uint32_t seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const size_t count = smx::tests::IsFullTest() ? 20000 : 300;
  for (const Target& target : Targets()) {
    CAPTURE(target.name);
    const std::vector<Bytes> seeds = SeedsOf(target.name);
    for (size_t i = 0; i < count; ++i) Run(target, Damaged(seeds[i % seeds.size()], &random));
  }
}
