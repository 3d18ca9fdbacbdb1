#include "layers/liveness.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

using smx::FeedForwardKind;
using smx::LiveRows;
using smx::MixingKind;
using smx::ModelConfig;
using smx::TextRows;

namespace {

/// One letter a layer: l linear, a attention; in capitals with experts.
std::vector<std::vector<size_t>> LiveRowsOf(const std::string& layers, const TextRows& text, size_t wanted) {
  ModelConfig config;
  REQUIRE(config.layers.Allocate(layers.size()) == smx::Status::kOk);
  for (size_t i = 0; i < layers.size(); ++i) {
    const char letter = layers[i];
    config.layers[i] = {letter == 'a' || letter == 'A' ? MixingKind::kAttention : MixingKind::kLinear,
                        letter < 'a' ? FeedForwardKind::kExperts : FeedForwardKind::kDense};
  }
  std::vector<LiveRows> blocks(layers.size());
  smx::FindLiveRows(config, text, wanted, {blocks.data(), blocks.size()});
  std::vector<std::vector<size_t>> rows;
  for (const LiveRows& block : blocks) rows.push_back({block.input, block.mixing, block.output});
  return rows;
}

using Rows = std::vector<std::vector<size_t>>;

constexpr TextRows kShort = {100, 7, 7};  // 7 tokens and 93 pads
constexpr TextRows kFull = {100, 100, 100};

}  // namespace

TEST_CASE("live rows: the last block makes row 0 alone, out of the real rows where it attends") {
  CHECK(LiveRowsOf("a", kShort, 1) == Rows{{7, 1, 1}});
  CHECK(LiveRowsOf("l", kShort, 1) == Rows{{100, 1, 1}});
  CHECK(LiveRowsOf("a", kFull, 1) == Rows{{100, 1, 1}});
}

TEST_CASE("live rows: experts read all rows, however few of their outputs are read") {
  CHECK(LiveRowsOf("L", kShort, 1) == Rows{{100, 100, 1}});
  // Rows of pads are queries then, and average the values of all rows.
  CHECK(LiveRowsOf("A", kShort, 1) == Rows{{100, 100, 1}});
}

TEST_CASE("live rows: pads are dead between the last mixing or router that reads them and the output") {
  CHECK(LiveRowsOf("lLlaa", kShort, 1) == Rows{{100, 100, 100}, {100, 100, 100}, {100, 7, 7}, {7, 7, 7}, {7, 1, 1}});
  CHECK(LiveRowsOf("aal", kShort, 1) == Rows{{100, 100, 100}, {100, 100, 100}, {100, 1, 1}});
  CHECK(LiveRowsOf("aaaa", kShort, 1) == Rows{{7, 7, 7}, {7, 7, 7}, {7, 7, 7}, {7, 1, 1}});
}

TEST_CASE("live rows: whoever wants hidden rows keeps those of the real tokens alive") {
  CHECK(LiveRowsOf("la", kShort, 7) == Rows{{100, 7, 7}, {7, 7, 7}});
  CHECK(LiveRowsOf("a", kFull, 100) == Rows{{100, 100, 100}});
}

TEST_CASE("live rows: a pad among the real tokens averages all rows, so all rows live below it") {
  CHECK(LiveRowsOf("aa", {100, 7, 3}, 1) == Rows{{100, 7, 7}, {7, 1, 1}});
  // A text that is nothing but pads: row 0 is a pad.
  CHECK(LiveRowsOf("aa", {100, 1, 0}, 1) == Rows{{100, 100, 100}, {100, 1, 1}});
}
