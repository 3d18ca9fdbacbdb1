#include "layers/router.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include <doctest/doctest.h>

using smx::Choice;
using smx::DenseMat;
using smx::ExpertCapacity;
using smx::MixingKind;
using smx::ModelConfig;
using smx::MoeConfig;
using smx::RoutingRoom;
using smx::RoutingShape;

namespace smx {

static bool operator==(const Choice& a, const Choice& b) { return a.expert == b.expert && a.place == b.place; }

}  // namespace smx

namespace {

MoeConfig Config(double factor, size_t experts, size_t least) {
  MoeConfig config;
  config.capacity_factor = factor;
  config.num_experts = experts;
  config.min_expert_capacity = least;
  config.max_group_size = 40;
  return config;
}

struct Queues {
  std::vector<int32_t> tokens;  // [experts, capacity]
  std::vector<float> weights;
  std::vector<Choice> choices;  // [tokens, k], where tokens choose
};

Queues ExpertsChoose(const std::vector<float>& probs, size_t experts, size_t capacity) {
  const size_t tokens = probs.size() / experts;
  std::vector<int32_t> scratch(tokens);
  Queues queues = {std::vector<int32_t>(experts * capacity), std::vector<float>(experts * capacity), {}};
  smx::ExpertsChoose(DenseMat(probs.data(), tokens, experts), scratch.data(),
                     {capacity, queues.tokens.data(), queues.weights.data()});
  return queues;
}

struct Choosing {
  size_t k = 1;
  size_t capacity = 1;
  bool surest_first = false;
};

Queues TokensChoose(const std::vector<float>& probs, size_t experts, const Choosing& choosing) {
  const size_t tokens = probs.size() / experts;
  MoeConfig config;
  config.num_selected_experts = choosing.k;
  config.batch_prioritized_routing = choosing.surest_first;
  std::vector<int32_t> scratch(tokens + experts);
  Queues queues = {std::vector<int32_t>(experts * choosing.capacity), std::vector<float>(experts * choosing.capacity),
                   std::vector<Choice>(tokens * choosing.k)};
  smx::TokensChoose(DenseMat(probs.data(), tokens, experts), config, scratch.data(), queues.choices.data(),
                    {choosing.capacity, queues.tokens.data(), queues.weights.data()});
  return queues;
}

/// The rule once more, in the way of the reference: all choices in order of service, each behind those before it.
Queues ServeInOrder(const std::vector<float>& probs, size_t experts, const Choosing& choosing) {
  const size_t tokens = probs.size() / experts;
  const auto sorted = [](size_t n, const auto& value) {
    std::vector<size_t> order(n);
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return value(a) > value(b); });
    return order;
  };
  const auto best = [&](size_t token) {
    return sorted(experts, [&](size_t expert) { return probs[token * experts + expert]; });
  };
  Queues queues = {std::vector<int32_t>(experts * choosing.capacity, smx::kNoToken),
                   std::vector<float>(experts * choosing.capacity), std::vector<Choice>(tokens * choosing.k)};
  std::vector<size_t> lengths(experts);
  for (size_t rank = 0; rank < choosing.k; ++rank) {
    for (const size_t token :
         sorted(tokens, [&](size_t t) { return choosing.surest_first ? probs[t * experts + best(t)[0]] : 0.0f; })) {
      const size_t expert = best(token)[rank];
      const size_t place = lengths[expert]++;
      queues.choices[token * choosing.k + rank] = {static_cast<int32_t>(expert), static_cast<int32_t>(place)};
      if (place >= choosing.capacity) continue;
      queues.tokens[expert * choosing.capacity + place] = static_cast<int32_t>(token);
      queues.weights[expert * choosing.capacity + place] = probs[token * experts + expert];
    }
  }
  return queues;
}

using Choices = std::vector<Choice>;
using Ints = std::vector<int32_t>;
using Floats = std::vector<float>;
constexpr int32_t kNone = smx::kNoToken;

ModelConfig BatchConfig(const MoeConfig& moe, MixingKind mixing) {
  ModelConfig config;
  config.batch_routing_group = true;
  config.moe = moe;
  REQUIRE(config.layers.Allocate(1) == smx::Status::kOk);
  config.layers[0] = {mixing, smx::FeedForwardKind::kExperts};
  return config;
}

}  // namespace

TEST_CASE("capacity: rounds half to even, as Python does") {
  CHECK(ExpertCapacity(Config(1.0, 4, 1), 26) == 6);  // 6.5
  CHECK(ExpertCapacity(Config(1.0, 4, 1), 18) == 4);  // 4.5
  CHECK(ExpertCapacity(Config(1.0, 4, 1), 22) == 6);  // 5.5
  CHECK(ExpertCapacity(Config(0.5, 4, 1), 96) == 12);
}

TEST_CASE("capacity: at least min_expert_capacity, at most the tokens there are") {
  CHECK(ExpertCapacity(Config(1.0, 8, 4), 16) == 4);
  CHECK(ExpertCapacity(Config(1.0, 8, 4), 3) == 3);
  CHECK(ExpertCapacity(Config(100.0, 1, 4), 7) == 7);
}

TEST_CASE("groups: the first number from tokens / max_group_size on that divides the tokens") {
  CHECK(smx::NumRoutingGroups(Config(1, 4, 4), 39) == 1);
  CHECK(smx::NumRoutingGroups(Config(1, 4, 4), 96) == 2);
  CHECK(smx::NumRoutingGroups(Config(1, 4, 4), 123) == 3);
  CHECK(smx::NumRoutingGroups(Config(1, 4, 4), 97) == 97);
}

TEST_CASE("groups: a text alone is one, however long; capacity is that of a group") {
  ModelConfig config = BatchConfig(Config(1.0, 4, 4), MixingKind::kLinear);
  RoutingShape shape = smx::ShapeOfRouting(config, 96);
  CHECK(shape.num_groups == 2);
  CHECK(shape.tokens_per_group == 48);
  CHECK(shape.expert_capacity == 12);
  config.batch_routing_group = false;
  shape = smx::ShapeOfRouting(config, 96);
  CHECK(shape.num_groups == 1);
  CHECK(shape.tokens_per_group == 96);
  CHECK(shape.expert_capacity == 24);
}

TEST_CASE("groups: there is room for texts of every length, and no more than the one length takes") {
  for (const size_t batch : {1, 2, 3}) {
    for (const size_t max_group_size : {1, 3, 7, 20, 40, 200}) {
      for (const double factor : {0.0, 0.5, 1.0, 3.0}) {
        CAPTURE(batch);
        CAPTURE(max_group_size);
        CAPTURE(factor);
        constexpr size_t kMaxTokens = 53;
        MoeConfig moe = Config(factor, 4, 2);
        moe.max_group_size = max_group_size;
        const ModelConfig any = BatchConfig(moe, MixingKind::kAttention);
        const RoutingRoom room = smx::RoomForRouting(any, batch, kMaxTokens);
        CHECK(room.places_per_expert <= batch * kMaxTokens);
        for (size_t n = 1; n <= kMaxTokens; ++n) {
          const RoutingShape shape = smx::ShapeOfRouting(any, batch * n);
          CHECK(shape.num_groups * shape.tokens_per_group == batch * n);
          CHECK(shape.expert_capacity <= room.expert_capacity);
          CHECK(shape.num_groups * shape.expert_capacity <= room.places_per_expert);
        }
        const ModelConfig longest = BatchConfig(moe, MixingKind::kLinear);
        const RoutingShape shape = smx::ShapeOfRouting(longest, batch * kMaxTokens);
        const RoutingRoom exact = smx::RoomForRouting(longest, batch, kMaxTokens);
        CHECK(exact.expert_capacity == shape.expert_capacity);
        CHECK(exact.places_per_expert == shape.num_groups * shape.expert_capacity);
      }
    }
  }
}

TEST_CASE("experts choose: the most probable tokens, best first, equal ones by position") {
  const Queues queues = ExpertsChoose({0.1f, 0.9f, 0.6f, 0.4f, 0.6f, 0.4f, 0.8f, 0.2f}, 2, 2);
  CHECK(queues.tokens == Ints{3, 1, 0, 1});
  CHECK(queues.weights == Floats{0.8f, 0.6f, 0.9f, 0.4f});
}

TEST_CASE("experts choose: with NaN among the probabilities it still takes each token at most once") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> probs;
  for (int i = 0; i < 100; ++i) probs.push_back(i % 3 == 0 ? nan : 0.01f * static_cast<float>(i % 7));
  const Queues queues = ExpertsChoose(probs, 1, 100);
  std::vector<bool> taken(100);
  for (const int32_t token : queues.tokens) {
    CHECK_FALSE(taken[static_cast<size_t>(token)]);
    taken[static_cast<size_t>(token)] = true;
  }
}

TEST_CASE("tokens choose: each its best expert, of equal ones the lower; empty places stay behind") {
  const Queues queues = TokensChoose({0.2f, 0.5f, 0.3f,   //
                                      0.4f, 0.4f, 0.2f,   //
                                      0.1f, 0.3f, 0.6f},  //
                                     3, {1, 2, false});
  CHECK(queues.tokens == Ints{1, kNone, 0, kNone, 2, kNone});
  CHECK(queues.weights == Floats{0.4f, 0, 0.5f, 0, 0.6f, 0});
  CHECK(queues.choices == Choices{{1, 0}, {0, 0}, {2, 0}});
}

TEST_CASE("tokens choose: a full expert refuses who comes later, the surest token first where that is asked for") {
  const Floats probs = {0.5f, 0.5f,  //
                        0.9f, 0.1f,  //
                        0.7f, 0.3f};
  const Queues by_position = TokensChoose(probs, 2, {1, 2, false});
  CHECK(by_position.tokens == Ints{0, 1, kNone, kNone});
  CHECK(by_position.choices == Choices{{0, 0}, {0, 1}, {0, 2}});
  const Queues surest_first = TokensChoose(probs, 2, {1, 2, true});
  CHECK(surest_first.tokens == Ints{1, 2, kNone, kNone});
  CHECK(surest_first.weights == Floats{0.9f, 0.7f, 0, 0});
  CHECK(surest_first.choices == Choices{{0, 2}, {0, 0}, {0, 1}});
}

TEST_CASE("tokens choose: equally sure tokens come by position") {
  const Queues queues = TokensChoose({0.6f, 0.4f,  //
                                      0.4f, 0.6f,  //
                                      0.6f, 0.4f,  //
                                      0.6f, 0.4f},
                                     2, {1, 2, true});
  CHECK(queues.tokens == Ints{0, 2, 1, kNone});
  CHECK(queues.choices == Choices{{0, 0}, {1, 0}, {0, 1}, {0, 2}});
}

TEST_CASE("tokens choose: first choices of all come before second choices") {
  const Queues queues = TokensChoose({0.5f, 0.3f, 0.2f,   //
                                      0.2f, 0.5f, 0.3f},  //
                                     3, {2, 1, false});
  CHECK(queues.tokens == Ints{0, 1, 1});
  CHECK(queues.weights == Floats{0.5f, 0.5f, 0.3f});
  CHECK(queues.choices == Choices{{0, 0}, {1, 1}, {1, 0}, {2, 0}});
}

TEST_CASE("tokens choose: all experts, and each queue holds the first choices in front") {
  const Queues queues = TokensChoose({0.3f, 0.7f,  //
                                      0.6f, 0.4f},
                                     2, {2, 2, false});
  CHECK(queues.tokens == Ints{1, 0, 0, 1});
  CHECK(queues.weights == Floats{0.6f, 0.3f, 0.7f, 0.4f});
  CHECK(queues.choices == Choices{{1, 0}, {0, 1}, {0, 0}, {1, 1}});
}

TEST_CASE("tokens choose: one token takes one place, one expert takes all, and no place is none") {
  CHECK(TokensChoose({0.25f, 0.75f}, 2, {1, 1, true}).tokens == Ints{kNone, 0});
  CHECK(TokensChoose({1, 1, 1}, 1, {1, 1, true}).tokens == Ints{0});
  CHECK(TokensChoose({1, 1, 1}, 1, {1, 3, true}).tokens == Ints{0, 1, 2});
  const Queues no_place = TokensChoose({0.25f, 0.75f, 0.5f, 0.5f}, 2, {2, 0, false});
  CHECK(no_place.tokens.empty());
  CHECK(no_place.choices == Choices{{1, 0}, {0, 1}, {0, 0}, {1, 1}});
}

TEST_CASE("tokens choose: as plain sorting says, with many equal probabilities") {
  constexpr unsigned kSeed = 20261125;
  std::mt19937 random(kSeed);
  for (int i = 0; i < 500; ++i) {
    CAPTURE(i);
    const size_t tokens = 1 + random() % 20;
    const size_t experts = 1 + random() % 6;
    const Choosing choosing = {1 + random() % experts, random() % (tokens + 1), random() % 2 == 0};
    Floats probs(tokens * experts);
    for (float& p : probs) p = static_cast<float>(random() % 5) / 8;
    const Queues found = TokensChoose(probs, experts, choosing);
    const Queues expected = ServeInOrder(probs, experts, choosing);
    CHECK(found.tokens == expected.tokens);
    CHECK(found.weights == expected.weights);
    CHECK(found.choices == expected.choices);
  }
}

TEST_CASE("tokens choose: with NaN among the probabilities each token still gets each place at most once") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  Floats probs;
  for (int i = 0; i < 120; ++i) probs.push_back(i % 3 == 0 ? nan : 0.01f * static_cast<float>(i % 7));
  const Queues queues = TokensChoose(probs, 4, {4, 30, true});
  for (size_t expert = 0; expert < 4; ++expert) {
    std::vector<bool> taken(30);
    for (size_t place = 0; place < 30; ++place) {
      const size_t token = static_cast<size_t>(queues.tokens[expert * 30 + place]);
      REQUIRE(token < 30);
      CHECK_FALSE(taken[token]);
      taken[token] = true;
    }
  }
}
