// Allocation k fails, for every k, in whatever a caller of the engine does: kOutOfMemory, nothing lost, and the same
// call then succeeds with the same bits.

#include <doctest/doctest.h>

#include <malloc.h>

#include <fstream>

#include "support/heap.h"
#include "support/process.h"
#include "support/tiny_session.h"

using smx::Options;
using smx::Status;
using smx::tests::Failing;
using smx::tests::HeapAccount;
using smx::tests::RunTinySession;
using smx::tests::TinyResult;
using smx::tests::TinySource;
using smx::tools::AlignedBytes;
using smx::tools::SerializeModel;
using smx::tools::WeightsType;

namespace {

constexpr size_t kArenaBytes = size_t{1} << 20;

/// Allocation k fails, for every k; gives how many there are.
size_t CheckEveryAllocation(const TinySource& source) {
  const AlignedBytes arena(kArenaBytes);
  const smx::Span<uint8_t> bytes(arena.data(), arena.size());
  TinyResult expected, result;
  // The first time a process keeps something for good: XNNPACK its tables, the C library stacks of threads.
  REQUIRE(RunTinySession(source, bytes, &expected) == Status::kOk);
  Status status = Status::kInternal;
  const auto run = [&] { status = RunTinySession(source, bytes, &result); };
  const HeapAccount whole = smx::tests::WatchHeap(run);
  REQUIRE(status == Status::kOk);
  CHECK(whole.blocks_left == 0);
  for (const Failing failing : {Failing::kOnce, Failing::kFromThereOn}) {
    for (size_t k = 0; k < whole.allocations; ++k) {
      CAPTURE(k);
      CAPTURE(whole.allocations);
      const HeapAccount account = smx::tests::WatchFailingHeap(k, failing, run);
      CHECK(account.failed > 0);
      CHECK(status == Status::kOutOfMemory);
      CHECK(account.blocks_left == 0);
      run();
      CHECK(status == Status::kOk);
      CHECK(result == expected);
    }
  }
  return whole.allocations;
}

/// Freed memory is overwritten, so that what is used after its end shows.
void OverwriteFreedMemory() { mallopt(M_PERTURB, 0xa5); }

}  // namespace

TEST_CASE("out of memory: every allocation of loading from memory, creating and running a classifier") {
  OverwriteFreedMemory();
  for (const WeightsType type : {WeightsType::kInt8, WeightsType::kF32}) {
    const AlignedBytes file(SerializeModel(smx::tests::TinyLinear(), type));
    CHECK(CheckEveryAllocation({&file, nullptr, {}}) > 10);
  }
}

TEST_CASE("out of memory: every allocation of loading, creating and running a labeler of tokens") {
  OverwriteFreedMemory();
  for (const WeightsType type : {WeightsType::kInt8, WeightsType::kF32}) {
    const AlignedBytes file(SerializeModel(smx::tests::TinyTokenLabels(), type));
    CHECK(CheckEveryAllocation({&file, nullptr, {}}) > 10);
  }
}

TEST_CASE("out of memory: every allocation of loading from a file, creating and running an encoder with experts") {
  OverwriteFreedMemory();
  const smx::tests::TemporaryFolder folder;
  for (const WeightsType type : {WeightsType::kInt8, WeightsType::kF32}) {
    const std::vector<uint8_t> bytes = SerializeModel(smx::tests::TinyExperts(), type);
    const std::string path = folder.Write("tiny.smx", std::string(bytes.begin(), bytes.end()));
    const AlignedBytes file(bytes);
    CHECK(CheckEveryAllocation({&file, path.c_str(), {}}) > 10);
  }
}

TEST_CASE("out of memory: every allocation of an encoder whose matrices are made of vectors") {
  OverwriteFreedMemory();
  for (const WeightsType type : {WeightsType::kInt8, WeightsType::kF32}) {
    const AlignedBytes file(SerializeModel(smx::tests::TinyTransforms(), type));
    CHECK(CheckEveryAllocation({&file, nullptr, {}}) > 10);
  }
}

TEST_CASE("out of memory: every allocation with two threads, the pool's own included") {
  OverwriteFreedMemory();
  const AlignedBytes file(SerializeModel(smx::tests::TinyExperts(), WeightsType::kInt8));
  Options options;
  options.num_threads = 2;
  CHECK(CheckEveryAllocation({&file, nullptr, options}) > 10);
}

#if SMX_WITH_XNNPACK
TEST_CASE("out of memory: every allocation of mapping a weights cache, and of writing one") {
  OverwriteFreedMemory();
  const smx::tests::TemporaryFolder folder;
  const AlignedBytes file(SerializeModel(smx::tests::TinyExperts(), WeightsType::kInt8));
  const std::string path = folder.Path("weights.cache");
  TinySource source = {&file, nullptr, {}, path.c_str()};
  CHECK(CheckEveryAllocation(source) > 10);  // the first run has written it
  // Another model's cache is stale at each start, so it is read, and written again.
  const AlignedBytes other(SerializeModel(smx::tests::TinyTransforms(), WeightsType::kInt8));
  const AlignedBytes arena(kArenaBytes);
  const smx::Span<uint8_t> bytes(arena.data(), arena.size());
  TinyResult result;
  Status status = Status::kInternal;
  size_t k = 0;
  for (HeapAccount account = {}; k == 0 || account.failed > 0; ++k) {
    CAPTURE(k);
    REQUIRE(RunTinySession({&other, nullptr, {}, path.c_str()}, bytes, &result) == Status::kOk);
    account = smx::tests::WatchFailingHeap(k, Failing::kOnce, [&] { status = RunTinySession(source, bytes, &result); });
    CHECK(status == (account.failed > 0 ? Status::kOutOfMemory : Status::kOk));
    CHECK(account.blocks_left == 0);
    CHECK(folder.List() == std::vector<std::string>{"weights.cache"});
  }
  CHECK(k > 10);
}
#endif
