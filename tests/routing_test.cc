// Several routing groups in a batch, on random models: what a group computes is what its tokens compute without the
// others, and the reference's order of groups is another order of the experts. Bit by bit.

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/count.h"
#include "support/models.h"
#include "support/random_model.h"
#include "support/session.h"

using smx::Options;
using smx::tests::Answer;
using smx::tests::MemoryModel;
using smx::tests::NumModels;
using smx::tests::Random;
using smx::tests::SameBits;
using smx::tests::Session;
using smx::tests::TokenInput;
using smx::tools::ModelContent;
using smx::tools::Parameter;
using smx::tools::WeightsType;

namespace {

constexpr uint64_t kFirstSeed = 20261130;

/// A text of several.
TokenInput TextOf(const TokenInput& all, size_t text) {
  const auto cut = [&](const std::vector<int32_t>& ids) {
    if (ids.empty()) return ids;
    const auto begin = ids.begin() + static_cast<std::ptrdiff_t>(text * all.num_tokens());
    return std::vector<int32_t>(begin, begin + static_cast<std::ptrdiff_t>(all.num_tokens()));
  };
  return {1, cut(all.token_ids), cut(all.type_ids)};
}

/// pooled, logits and cls of a text of several.
Answer AnswerOf(const Answer& all, size_t text, size_t texts) {
  const auto cut = [&](const std::vector<float>& values) {
    const auto size = static_cast<std::ptrdiff_t>(values.size() / texts);
    const auto begin = values.begin() + static_cast<std::ptrdiff_t>(text) * size;
    return std::vector<float>(begin, begin + size);
  };
  return {{}, {}, cut(all.pooled), cut(all.logits), cut(all.cls), {}};
}

/// `count` random models with experts and reference padding, and three texts for each. None that predicts tokens: a
/// Session asks for those of the first text only.
template <typename Check>
void ForRandomModels(size_t count, Check check) {
  for (uint64_t seed = kFirstSeed; count != 0; ++seed) {
    CAPTURE(seed);
    ModelContent content = smx::tests::RandomModel(seed);
    if (!content.config.experts || content.config.padding == smx::schema::Padding_MASKED) continue;
    const smx::schema::TaskKind task = content.config.task;
    if (task == smx::schema::TaskKind_MASKED_TOKENS || task == smx::schema::TaskKind_TOKEN_LABELS) continue;
    CAPTURE(smx::tests::Describe(content.config));
    Random random(seed);
    const WeightsType type = seed % 2 == 0 ? WeightsType::kF32 : WeightsType::kInt8;
    const TokenInput input = smx::tests::RandomInput(*MemoryModel(content, type), &random, 3);
    check(&content, type, input);
    --count;
  }
}

/// The texts of `input` at once, each a routing group of its own.
Answer RunAsGroups(ModelContent* content, WeightsType type, const TokenInput& input, bool reference_order) {
  const ModelContent before = *content;
  content->config.routing_group = smx::schema::RoutingGroup_BATCH;
  content->config.reference_group_order = reference_order;
  content->config.experts->max_group_size = static_cast<uint32_t>(input.num_tokens());
  const MemoryModel model(*content, type);
  *content = before;
  Options options;
  options.batch_size = input.num_texts;
  return Session(*model, options).Run(input, /*wants_hidden=*/false);
}

/// "encoder/expert_LAYER/EXPERT/..." -> where EXPERT begins; npos for what is no expert's.
size_t ExpertAt(const std::string& name) {
  const std::string prefix = "encoder/expert_";
  return name.rfind(prefix, 0) == 0 ? name.find('/', prefix.size()) + 1 : std::string::npos;
}

/// The parameters of expert e become those that the reference computes group `group` with: of (group * E + e) div G.
ModelContent InReferenceOrder(const ModelContent& content, size_t group, size_t num_groups) {
  ModelContent ordered = content;
  for (Parameter& parameter : ordered.checkpoint.parameters) {
    const size_t at = ExpertAt(parameter.name);
    if (at == std::string::npos) continue;
    const size_t end = parameter.name.find('/', at);
    const size_t expert = std::stoul(parameter.name.substr(at, end - at));
    const size_t taken = (group * content.config.experts->num_experts + expert) / num_groups;
    const std::string name = parameter.name.substr(0, at) + std::to_string(taken) + parameter.name.substr(end);
    for (const Parameter& source : content.checkpoint.parameters) {
      if (source.name == name) parameter.values = source.values;
    }
  }
  return ordered;
}

}  // namespace

TEST_CASE("routing groups: of one text each, texts answer as they do alone") {
  ForRandomModels(NumModels(40), [](ModelContent* content, WeightsType type, const TokenInput& input) {
    const Answer all = RunAsGroups(content, type, input, /*reference_order=*/false);
    const MemoryModel model(*content, type);
    Session session(*model);
    for (size_t text = 0; text < input.num_texts; ++text) {
      CHECK(SameBits(AnswerOf(all, text, input.num_texts), session.Run(TextOf(input, text), false)));
    }
  });
}

TEST_CASE("routing groups: in the reference's order, expert (g E + e) div G computes what expert e takes in group g") {
  const size_t count = NumModels(40);
  size_t num_different = 0;
  ForRandomModels(count, [&](ModelContent* content, WeightsType type, const TokenInput& input) {
    const Answer all = RunAsGroups(content, type, input, /*reference_order=*/true);
    const Answer plain = RunAsGroups(content, type, input, /*reference_order=*/false);
    num_different += SameBits(all, plain) ? 0 : 1;
    for (size_t text = 0; text < input.num_texts; ++text) {
      const MemoryModel model(InReferenceOrder(*content, text, input.num_texts), type);
      CHECK(SameBits(AnswerOf(all, text, input.num_texts), Session(*model).Run(TextOf(input, text), false)));
    }
  });
  CHECK(num_different > count / 4);
}
