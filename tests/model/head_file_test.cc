// What a model file says of its head, pooler and hidden mapping, each of which it may lack: only where the rest agrees.

#include <algorithm>

#include <doctest/doctest.h>

#include "model_writer.h"
#include "support/model_bytes.h"
#include "support/models.h"
#include "support/tiny_models.h"

using smx::Status;
using smx::tests::Loaded;
using smx::tests::ModelBytes;
using smx::tools::ModelContent;
using smx::tools::SerializeModel;
using smx::tools::WeightsType;

namespace schema = smx::schema;

namespace {

void CheckLoads(const Loaded& loaded, Status status, const std::string& word) {
  CAPTURE(loaded.log);
  CAPTURE(word);
  CHECK(loaded.status == status);
  CHECK(loaded.log.find(word) != std::string::npos);
}

/// The golden case `name` after `change` to what goes into its file.
template <typename Change>
ModelBytes Changed(const std::string& name, Change change) {
  ModelContent content = smx::tests::ReadModelFolder(smx::tests::GoldenFolder(name), "params.safetensors");
  change(&content);
  return ModelBytes(SerializeModel(content, WeightsType::kInt8));
}

template <typename Change>
Loaded LoadChanged(const std::string& name, Change change) {
  return Changed(name, change).Load();
}

}  // namespace

TEST_CASE("model file: a model of embeddings has no classes, and only it may lack a pooler") {
  const ModelBytes with_classes =
      Changed("linear", [](ModelContent* c) { c->config.task = schema::TaskKind_REGRESSION; });
  with_classes.Set(*with_classes.model().config(), schema::Config::VT_TASK, schema::TaskKind_EMBEDDING);
  CheckLoads(with_classes.LoadRehashed(), Status::kInvalidModel, "EMBEDDING with 3 classes");
  CheckLoads(LoadChanged("linear", [](ModelContent* c) { c->config.has_pooler = false; }), Status::kInvalidModel,
             "CLASSIFICATION without a pooler");
  const auto without_head = [](ModelContent* c) {
    c->config.task = schema::TaskKind_EMBEDDING;
    c->config.num_classes = 0;
    c->config.labels.clear();
  };
  CheckLoads(LoadChanged("linear", without_head), Status::kInvalidModel, "asks for");  // the head's arrays are surplus
  CheckLoads(LoadChanged("linear",
                         [&](ModelContent* c) {
                           without_head(c);
                           c->config.temperature = 2;
                         }),
             Status::kInvalidModel, "EMBEDDING, must be 1");
  CheckLoads(LoadChanged("linear",
                         [&](ModelContent* c) {
                           without_head(c);
                           c->config.labels = {"a"};
                         }),
             Status::kInvalidModel, "labels");
}

TEST_CASE("model file: a model of masked tokens has neither classes nor a pooler, but all arrays of its head") {
  const auto is_masked = [](ModelContent* c) {
    c->config.task = schema::TaskKind_MASKED_TOKENS;
    c->config.labels.clear();
  };
  CheckLoads(LoadChanged("linear", is_masked), Status::kInvalidModel, "MASKED_TOKENS with 3 classes");
  const auto without_classes = [&](ModelContent* c) {
    is_masked(c);
    c->config.num_classes = 0;
  };
  CheckLoads(LoadChanged("linear", without_classes), Status::kInvalidModel, "MASKED_TOKENS with a pooler");
  CheckLoads(LoadChanged("linear",
                         [&](ModelContent* c) {
                           without_classes(c);
                           c->config.has_pooler = false;
                         }),
             Status::kInvalidModel, "predictions_dense/kernel: missing");
  CheckLoads(LoadChanged("linear",
                         [&](ModelContent* c) {
                           without_classes(c);
                           c->config.has_pooler = false;
                           c->config.temperature = 2;
                         }),
             Status::kInvalidModel, "MASKED_TOKENS, must be 1");
}

namespace {

/// The tiny model of token labels after `change`.
template <typename Change>
Loaded LoadLabels(Change change, WeightsType type = WeightsType::kInt8) {
  ModelContent content = smx::tests::TinyTokenLabels();
  change(&content);
  return ModelBytes(SerializeModel(content, type)).Load();
}

/// Changes of the array `name`.
template <typename Change>
Loaded LoadLabelsWith(const std::string& name, Change change) {
  return LoadLabels([&](ModelContent* c) {
    auto& parameters = c->checkpoint.parameters;
    const auto at = std::find_if(parameters.begin(), parameters.end(), [&](const auto& p) { return p.name == name; });
    REQUIRE(at != parameters.end());
    change(&parameters, at);
  });
}

}  // namespace

TEST_CASE("model file: a model of token labels has classes, no pooler, and a float32 kernel and bias of their number") {
  CHECK(LoadLabels([](ModelContent*) {}).status == Status::kOk);
  CHECK(LoadLabels([](ModelContent* c) { c->config.labels.clear(); }).status == Status::kOk);
  CheckLoads(LoadLabels([](ModelContent* c) { c->config.num_classes = 0; }), Status::kInvalidModel, "num_classes 0");
  CheckLoads(LoadLabels([](ModelContent* c) { c->config.has_pooler = true; }), Status::kInvalidModel,
             "TOKEN_LABELS with a pooler");
  CheckLoads(LoadLabels([](ModelContent* c) { c->config.labels.pop_back(); }), Status::kInvalidModel,
             "2 of them for num_classes 3");
  CheckLoads(LoadLabels([](ModelContent* c) {
               c->config.labels.clear();
               c->config.num_classes = 4;
             }),
             Status::kInvalidModel, "token_labels/output_kernel: shape [3,8], the configuration asks for [4,8]");
  CheckLoads(LoadLabels([](ModelContent* c) { c->config.temperature = 0; }), Status::kInvalidModel, "temperature 0");
  const auto erase = [](auto* parameters, auto at) { parameters->erase(at); };
  CheckLoads(LoadLabelsWith("token_labels/output_bias", erase), Status::kInvalidModel,
             "token_labels/output_bias: missing");
  CheckLoads(LoadLabelsWith("token_labels/output_kernel", erase), Status::kInvalidModel,
             "token_labels/output_kernel: missing");
  const auto turn = [](auto*, auto at) { std::swap(at->shape[0], at->shape[1]); };
  CheckLoads(LoadLabelsWith("token_labels/output_kernel", turn), Status::kInvalidModel, "shape [8,3]");
  const auto quantize = [](auto*, auto at) { at->channel_axis = 0; };
  CheckLoads(LoadLabelsWith("token_labels/output_kernel", quantize), Status::kUnsupported, "must be of type F32");
}

TEST_CASE("model file: only a model whose two widths are equal may lack the hidden mapping") {
  CheckLoads(LoadChanged("linear", [](ModelContent* c) { c->config.has_hidden_mapping = false; }),
             Status::kInvalidModel, "d_emb 24 is not d_model 32");
  CheckLoads(LoadChanged("sparse_mixer", [](ModelContent* c) { c->config.has_hidden_mapping = false; }),
             Status::kInvalidModel, "asks for");  // its arrays are surplus
}
