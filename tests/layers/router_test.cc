#include "layers/router.h"

#include <limits>
#include <vector>

#include <doctest/doctest.h>

using smx::DenseMat;
using smx::ExpertCapacity;
using smx::MoeConfig;

namespace {

MoeConfig Config(double factor, size_t experts, size_t least) {
  MoeConfig config;
  config.capacity_factor = factor;
  config.num_experts = experts;
  config.min_expert_capacity = least;
  config.max_group_size = 40;
  return config;
}

struct Choice {
  std::vector<int32_t> tokens;
  std::vector<float> weights;
};

Choice Choose(const std::vector<float>& probs, size_t experts, size_t capacity) {
  const size_t tokens = probs.size() / experts;
  std::vector<int32_t> order(tokens);
  Choice choice = {std::vector<int32_t>(experts * capacity), std::vector<float>(experts * capacity)};
  smx::ExpertsChoose(DenseMat(probs.data(), tokens, experts), capacity, order.data(), choice.tokens.data(),
                     choice.weights.data());
  return choice;
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
}

TEST_CASE("experts choose: the most probable tokens, best first, equal ones by position") {
  const Choice choice = Choose({0.1f, 0.9f, 0.6f, 0.4f, 0.6f, 0.4f, 0.8f, 0.2f}, 2, 2);
  CHECK(choice.tokens == std::vector<int32_t>{3, 1, 0, 1});
  CHECK(choice.weights == std::vector<float>{0.8f, 0.6f, 0.9f, 0.4f});
}

TEST_CASE("experts choose: with NaN among the probabilities it still takes each token at most once") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> probs;
  for (int i = 0; i < 100; ++i) probs.push_back(i % 3 == 0 ? nan : 0.01f * static_cast<float>(i % 7));
  const Choice choice = Choose(probs, 1, 100);
  std::vector<bool> taken(100);
  for (const int32_t token : choice.tokens) {
    CHECK_FALSE(taken[static_cast<size_t>(token)]);
    taken[static_cast<size_t>(token)] = true;
  }
}
