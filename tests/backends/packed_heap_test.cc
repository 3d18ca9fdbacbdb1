// Memory for packed weights: zeros, apart from each other, whatever was given back before.

#include "backends/packed/packed_heap.h"

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

#include <doctest/doctest.h>

using smx::PackedHeap;

namespace {

struct Block {
  uint8_t* data;
  size_t bytes;
  uint8_t mark;  // what all of it holds
};

bool HoldsOnly(const uint8_t* data, size_t bytes, uint8_t value) {
  return std::all_of(data, data + bytes, [value](uint8_t each) { return each == value; });
}

}  // namespace

TEST_CASE(
    "packed heap: what is given is zero, aligned and nobody else's, small and large, in any order of giving back") {
  const unsigned seed = 4;
  CAPTURE(seed);
  std::mt19937 random(seed);
  PackedHeap heap;
  std::vector<Block> blocks;
  for (int round = 0; round < 400; ++round) {
    const bool is_large = random() % 3 == 0;
    if (blocks.size() < 12 && random() % 2 == 0) {
      const size_t bytes = is_large ? (size_t{500} << 10) + random() % (size_t{5} << 20) : 1 + random() % 70000;
      uint8_t* const data = heap.Allocate(bytes);
      REQUIRE(data != nullptr);
      CHECK(reinterpret_cast<uintptr_t>(data) % PackedHeap::kAlignment == 0);
      CHECK(HoldsOnly(data, bytes, 0));
      blocks.push_back({data, bytes, static_cast<uint8_t>(1 + round % 255)});
      std::memset(data, blocks.back().mark, bytes);
    } else if (!blocks.empty()) {
      // Often the last one, as a store does whose operator could not be created.
      std::swap(blocks[random() % 2 == 0 ? blocks.size() - 1 : random() % blocks.size()], blocks.back());
      CHECK(HoldsOnly(blocks.back().data, blocks.back().bytes, blocks.back().mark));
      heap.Free(blocks.back().data, blocks.back().bytes);
      blocks.pop_back();
    }
  }
  for (const Block& block : blocks) {
    CHECK(HoldsOnly(block.data, block.bytes, block.mark));
    heap.Free(block.data, block.bytes);
  }
}

TEST_CASE("packed heap: more than a region has, and more than there is") {
  PackedHeap heap;
  const size_t many = size_t{70} << 20;
  uint8_t* const data = heap.Allocate(many);
  REQUIRE(data != nullptr);
  CHECK(data[0] == 0);
  CHECK(data[many - 1] == 0);
  CHECK(heap.Allocate(SIZE_MAX / 2) == nullptr);
  uint8_t* const next = heap.Allocate(size_t{1} << 20);
  REQUIRE(next != nullptr);
  CHECK((next >= data + many || next + (size_t{1} << 20) <= data));
  heap.Free(data, many);
  CHECK(next[0] == 0);
}
