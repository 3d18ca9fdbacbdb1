#include "memory/plan.h"

#include <random>
#include <vector>

#include <doctest/doctest.h>

#include "memory/arena.h"

using smx::Arena;
using smx::BufferId;
using smx::Plan;
using smx::PlannedBuffer;
using smx::Status;

TEST_CASE("plan: buffers that are never alive together share bytes") {
  Plan plan;
  REQUIRE(plan.Init(3, 1) == Status::kOk);
  const BufferId a = plan.Acquire("a", 1000);
  plan.NextStep();
  const BufferId b = plan.Acquire("b", 500);
  plan.Release(a);
  plan.NextStep();
  const BufferId c = plan.Acquire("c", 1000);
  plan.Release(b);
  REQUIRE(plan.Place() == Status::kOk);
  CHECK(plan.buffer(a).offset_bytes == 0);
  CHECK(plan.buffer(c).offset_bytes == 0);
  CHECK(plan.buffer(b).offset_bytes == 1024);
  CHECK(plan.placed_bytes() == 1024 + 512);
  CHECK(Arena::RequiredBytes(plan) == 1024 + 512 + 63);
}

TEST_CASE("plan: more buffers than announced is an error, not a write outside") {
  Plan plan;
  REQUIRE(plan.Init(1, 1) == Status::kOk);
  plan.Acquire("a", 1);
  plan.Release(plan.Acquire("b", 1));
  CHECK(plan.Place() == Status::kInternal);
}

TEST_CASE("plan: sizes beyond the address space are an error") {
  Plan plan;
  REQUIRE(plan.Init(2, 1) == Status::kOk);
  plan.Acquire("a", smx::Checked(UINT64_MAX) * smx::Checked(2));
  CHECK(plan.Place() == Status::kOutOfRange);

  Plan sum;
  REQUIRE(sum.Init(2, 1) == Status::kOk);
  sum.Acquire("a", SIZE_MAX / 2 - 100);
  sum.Acquire("b", SIZE_MAX / 2 - 100);
  CHECK(sum.Place() == Status::kOutOfRange);
}

TEST_CASE("plan: on random lifetimes, buffers alive together never overlap") {
  const unsigned seed = 20261124;
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 50; ++round) {
    Plan plan;
    REQUIRE(plan.Init(64, 1) == Status::kOk);
    std::vector<BufferId> alive;
    for (int i = 0; i < 60; ++i) {
      alive.push_back(plan.Acquire("x", random() % 5000));
      if (random() % 2 == 0) {
        const size_t victim = random() % alive.size();
        plan.Release(alive[victim]);
        alive.erase(alive.begin() + static_cast<std::ptrdiff_t>(victim));
      }
      if (random() % 3 == 0) plan.NextStep();
    }
    REQUIRE(plan.Place() == Status::kOk);
    for (const PlannedBuffer& a : plan.buffers()) {
      CHECK(a.offset_bytes + a.bytes <= plan.placed_bytes());
      CHECK(a.offset_bytes % smx::kBufferAlignment == 0);
      for (const PlannedBuffer& b : plan.buffers()) {
        if (&a == &b || a.last_step < b.first_step || b.last_step < a.first_step) continue;
        const bool apart = a.offset_bytes + a.bytes <= b.offset_bytes || b.offset_bytes + b.bytes <= a.offset_bytes;
        CHECK(apart);
      }
    }
  }
}

TEST_CASE("arena: buffers are aligned wherever the caller's bytes begin") {
  Plan plan;
  REQUIRE(plan.Init(1, 1) == Status::kOk);
  const BufferId id = plan.Acquire("a", 100);
  REQUIRE(plan.Place() == Status::kOk);
  std::vector<uint8_t> bytes(Arena::RequiredBytes(plan) + 64);
  for (size_t shift = 0; shift < 64; ++shift) {
    const Arena arena(plan, bytes.data() + shift);
    const uint8_t* begin = arena.Get<uint8_t>(id);
    CHECK(reinterpret_cast<uintptr_t>(begin) % smx::kBufferAlignment == 0);
    CHECK(begin >= bytes.data() + shift);
    CHECK(begin + plan.placed_bytes() <= bytes.data() + shift + Arena::RequiredBytes(plan));
  }
}
