// Files whose products are of different types, which no tool here writes.

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "engine.h"
#include "model_writer.h"
#include "support/models.h"
#include "support/process.h"
#include "support/session.h"
#include "support/tiny_models.h"

using smx::LoadOptions;
using smx::Options;
using smx::Status;
using smx::tests::MemoryModel;
using smx::tests::SameBits;
using smx::tests::Session;
using smx::tests::TemporaryFolder;
using smx::tools::ModelContent;
using smx::tools::WeightsType;

namespace {

/// The tiny model of experts, int8 but for the kernels that have one of `parts` in their name.
ModelContent TinyWithFloats(const std::vector<std::string>& parts) {
  ModelContent content = smx::tests::TinyExperts();
  content.input_scales.clear();
  for (const std::string& part : parts) {
    size_t num_changed = 0;
    for (smx::tools::Parameter& parameter : content.checkpoint.parameters) {
      if (parameter.name.find(part) == std::string::npos || parameter.channel_axis < 0) continue;
      parameter.channel_axis = -1;
      ++num_changed;
    }
    CAPTURE(part);
    REQUIRE(num_changed > 0);
  }
  return content;
}

}  // namespace

TEST_CASE("mixed types: where the first products are f32, int8 ones are still not left to the reference kernels") {
  for (const std::vector<std::string>& parts : {std::vector<std::string>{"linear_transform_0"},
                                                {"linear_transform_0", "expert_0"},
                                                {"attention_1"},
                                                {"intermediate"},
                                                {"output/kernel"}}) {
    CAPTURE(parts[0]);
    const MemoryModel model(TinyWithFloats(parts), WeightsType::kInt8);
    const smx::tests::TokenInput input = {1, {2, 5, 7, 9, 3, 0, 0, 0}, {}};
    Options reference;
    reference.backend = smx::BackendChoice::kReference;
    Session best(*model), slow(*model, reference);
    CHECK(SameBits(best.Run(input), slow.Run(input)));
    CHECK((best.encoder().report().backend != std::string("reference")) == SMX_WITH_XNNPACK);
  }
}

#if SMX_WITH_XNNPACK
TEST_CASE("mixed types: a budget for experts of which a part is f32 is refused") {
  for (const char* part : {"expert_1", "intermediate", "output/kernel"}) {
    CAPTURE(part);
    const TemporaryFolder folder;
    const std::string path = folder.Path("weights.cache");
    LoadOptions load_options;
    load_options.weights_cache_path = path.c_str();
    load_options.experts_budget_bytes = size_t{1} << 20;
    const MemoryModel model(TinyWithFloats({part}), WeightsType::kInt8, load_options);
    std::string message;
    Options options;
    options.log = {[](void* context, const char* text) { *static_cast<std::string*>(context) = text; }, &message};
    std::vector<uint8_t> arena(smx::tests::ArenaBytesOf(*model));
    CHECK(smx::Encoder::Create(*model, options, arena).status() == Status::kUnsupported);
    CAPTURE(message);
    CHECK(message.find("experts with kernels of type F32") != std::string::npos);
  }
}
#endif

TEST_CASE("mixed types: products that read the same rows must be alike") {
  const std::vector<uint8_t> bytes =
      smx::tools::SerializeModel(TinyWithFloats({"attention_1/self/query"}), WeightsType::kInt8);
  const smx::tools::AlignedBytes file(bytes);
  std::string message;
  LoadOptions options;
  options.log = {[](void* context, const char* text) { *static_cast<std::string*>(context) = text; }, &message};
  CHECK(smx::Model::FromMemory({file.data(), file.size()}, options).status() == Status::kInvalidModel);
  CAPTURE(message);
  CHECK(message.find("query and key differ in type") != std::string::npos);
}
