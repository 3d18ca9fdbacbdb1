// What the configuration of experts may say of routing, and how Model::FromMemory refuses the rest.

#include <functional>

#include <doctest/doctest.h>

#include "model_writer.h"
#include "support/model_bytes.h"
#include "support/models.h"

using smx::Status;
using smx::tests::Loaded;
using smx::tests::ModelBytes;
using smx::tools::ModelConfig;
using smx::tools::ModelContent;

namespace schema = smx::schema;

namespace {

/// The golden sparse_mixer, of 8 experts, after `change` to its configuration.
Loaded LoadChanged(const std::function<void(ModelConfig* config)>& change) {
  ModelContent content = smx::tests::ReadModelFolder(smx::tests::GoldenFolder("sparse_mixer"), "params.safetensors");
  REQUIRE(content.config.experts->num_experts == 8);
  change(&content.config);
  return ModelBytes(SerializeModel(content, smx::tools::WeightsType::kInt8)).Load();
}

void CheckRefused(const Loaded& loaded, const std::string& words) {
  CAPTURE(loaded.log);
  CAPTURE(words);
  CHECK(loaded.status == Status::kInvalidModel);
  CHECK(loaded.log.find(words) != std::string::npos);
}

Loaded LoadTokensChoose(uint32_t num_selected_experts) {
  return LoadChanged([&](ModelConfig* c) {
    c->experts->routing = schema::RoutingKind_TOKENS_CHOOSE;
    c->experts->num_selected_experts = num_selected_experts;
  });
}

}  // namespace

TEST_CASE("routing config: tokens choose from one expert to all of them") {
  for (const uint32_t k : {1u, 2u, 8u}) {
    CAPTURE(k);
    CHECK(LoadTokensChoose(k).status == Status::kOk);
  }
  for (const uint32_t k : {0u, 9u, 0x80000000u, 0xffffffffu}) {
    CAPTURE(k);
    CheckRefused(LoadTokensChoose(k), "num_selected_experts " + std::to_string(k) + ", must be 1..8");
  }
}

TEST_CASE("routing config: experts that choose leave tokens no choice and no priority") {
  CheckRefused(LoadChanged([](ModelConfig* c) { c->experts->num_selected_experts = 2; }), "num_selected_experts 2");
  CheckRefused(LoadChanged([](ModelConfig* c) { c->experts->batch_prioritized_routing = true; }),
               "batch_prioritized_routing 1");
}

TEST_CASE("routing config: the reference's order of groups is for routing groups of a batch") {
  CheckRefused(LoadChanged([](ModelConfig* c) { c->reference_group_order = true; }), "reference_group_order");
  for (const bool reference_order : {false, true}) {
    CAPTURE(reference_order);
    const Loaded loaded = LoadChanged([&](ModelConfig* c) {
      c->routing_group = schema::RoutingGroup_BATCH;
      c->reference_group_order = reference_order;
    });
    CHECK(loaded.status == Status::kOk);
  }
}
