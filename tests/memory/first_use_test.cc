// The first use of a process, when libraries make what they keep for good: allocation k fails there too, for every k.
// An executable of its own, whose parent process never uses the engine: each k is a child.

#include <doctest/doctest.h>

#include <cmath>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/heap.h"
#include "support/tiny_session.h"

using smx::Status;
using smx::tests::Failing;
using smx::tests::RunTinySession;
using smx::tests::TinyResult;
using smx::tests::TinySource;
using smx::tools::AlignedBytes;

namespace {

constexpr unsigned kMaxSeconds = 60;  // of a child: only a hang takes so long
constexpr size_t kMaxLost = 32;       // allocations of cpuinfo

/// What a child tells its parent; lies in memory that both see.
struct Told {
  size_t allocations;
  size_t failed;
  Status status;         // of the session in which an allocation failed
  Status second_status;  // of the same once more
  TinyResult result;     // of the second, or the only one
};

class SharedTold {
 public:
  SharedTold() {
    void* memory = mmap(nullptr, sizeof(Told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(memory != MAP_FAILED);
    told_ = static_cast<Told*>(memory);
  }
  ~SharedTold() { munmap(told_, sizeof(Told)); }
  Told& operator*() { return *told_; }
  Told* operator->() { return told_; }

 private:
  Told* told_;
};

/// Runs `work` in a child; its wait status.
template <typename Work>
int InChild(Work work) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    alarm(kMaxSeconds);
    work();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

struct Fixture {
  explicit Fixture(size_t num_threads)
      : file(SerializeModel(smx::tests::TinyExperts(), smx::tools::WeightsType::kInt8)), arena(size_t{1} << 20) {
    source = {&file, nullptr, {}};
    source.options.num_threads = num_threads;
  }
  Status Run(TinyResult* result) const { return RunTinySession(source, {arena.data(), arena.size()}, result); }

  AlignedBytes file, arena;
  TinySource source;
};

/// Allocation k fails in a child. The one exception to the rule is cpuinfo, which XNNPACK asks and which tries only
/// once in a process: when its few kB cannot be had although more could a moment before, XNNPACK is lost to that
/// process, and the reference kernels compute.
void CheckChild(const Fixture& fixture, size_t k, Failing failing, const TinyResult& expected, SharedTold* told) {
  CHECK(InChild([&] {
          const auto run = [&] { (*told)->status = fixture.Run(&(*told)->result); };
          (*told)->failed = smx::tests::WatchFailingHeap(k, failing, run).failed;
          (*told)->second_status = fixture.Run(&(*told)->result);
        }) == 0);
  const Told& result = **told;
  CHECK(result.failed > 0);
  CHECK_MESSAGE(result.second_status == Status::kOk, smx::StatusName(result.second_status));
  if (result.result.used_fast_products || !expected.used_fast_products) {
    CHECK_MESSAGE(result.status == Status::kOutOfMemory, smx::StatusName(result.status));
    CHECK(result.result == expected);
    return;
  }
  const Status status_of_lost = failing == Failing::kOnce ? Status::kOk : Status::kOutOfMemory;
  CHECK_MESSAGE(result.status == status_of_lost, smx::StatusName(result.status));
  for (size_t i = 0; i < 3; ++i) CHECK(std::fabs(result.result.logits[i] - expected.logits[i]) < 1e-3f);
}

}  // namespace

TEST_CASE("first use: every allocation of a process that has not used the engine yet, with one thread and with three") {
  for (const size_t num_threads : {1, 3}) {
    CAPTURE(num_threads);
    const Fixture fixture(num_threads);
    SharedTold told;
    const auto count = [&] { told->status = fixture.Run(&told->result); };
    CHECK(InChild([&] { told->allocations = smx::tests::WatchHeap(count).allocations; }) == 0);
    REQUIRE(told->status == Status::kOk);
    const TinyResult expected = told->result;
    const size_t allocations = told->allocations;
    size_t num_lost = 0;
    for (const Failing failing : {Failing::kOnce, Failing::kFromThereOn}) {
      for (size_t k = 0; k < allocations; ++k) {
        CAPTURE(k);
        CAPTURE(allocations);
        CheckChild(fixture, k, failing, expected, &told);
        num_lost += SMX_WITH_XNNPACK && !told->result.used_fast_products;
      }
    }
    MESSAGE(num_threads << " threads: " << allocations << " allocations, " << num_lost << " of them cpuinfo's own");
    CHECK(num_lost <= kMaxLost);
  }
}
