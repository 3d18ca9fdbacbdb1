// config.json: what is on top of the last block, and what the reference leaves no choice of.

#include <doctest/doctest.h>

#include "error.h"
#include "model_config.h"
#include "support/models.h"
#include "support/programs.h"

using nlohmann::json;
using smx::tools::Error;
using smx::tools::ExitCode;
using smx::tools::ModelConfig;
using smx::tools::ParseModelConfig;

namespace schema = smx::schema;

namespace {

ModelConfig Parsed(const json& keys) {
  json config = smx::tests::ReadConfig(smx::tests::GoldenFolder("linear"));  // d_emb 24, d_model 32
  config.update(keys);
  return ParseModelConfig("config", config, {});
}

void CheckFails(const json& keys, const std::string& words) {
  CAPTURE(words);
  try {
    Parsed(keys);
    FAIL_CHECK("nothing was thrown");
  } catch (const Error& error) {
    CAPTURE(std::string(error.what()));
    CHECK(error.code() == ExitCode::kBadInput);
    CHECK(std::string(error.what()).find(words) != std::string::npos);
  }
}

}  // namespace

TEST_CASE("config: a model of embeddings has no classes, and maybe no pooler") {
  for (const json& n_classes : {json(nullptr), json(0)}) {
    const ModelConfig config = Parsed({{"task", "embedding"}, {"n_classes", n_classes}, {"pooler", false}});
    CHECK(config.num_classes == 0);
    CHECK(!config.has_pooler);
    CHECK(config.task == schema::TaskKind_EMBEDDING);
  }
  CHECK(Parsed({{"task", "embedding"}, {"n_classes", 0}}).has_pooler);
  CheckFails({{"task", "embedding"}}, "n_classes is 3");
  CheckFails({{"task", "embedding"}, {"n_classes", 0}, {"labels", {"a"}}}, "1 labels for n_classes 0");
  CheckFails({{"task", "embedding"}, {"n_classes", 0}, {"temperature", 2}}, "temperature");
  CheckFails({{"pooler", false}}, "pooler is false");
  CheckFails({{"n_classes", 0}}, "n_classes is 0");
}

TEST_CASE("config: a model of masked tokens has neither classes nor a pooler") {
  const ModelConfig config = Parsed({{"task", "masked_tokens"}, {"n_classes", nullptr}});
  CHECK(config.task == schema::TaskKind_MASKED_TOKENS);
  CHECK(config.num_classes == 0);
  CHECK(!config.has_pooler);
  CheckFails({{"task", "masked_tokens"}}, "n_classes is 3");
  CheckFails({{"task", "masked_tokens"}, {"n_classes", 0}, {"pooler", true}}, "pooler is true");
  CheckFails({{"task", "masked_tokens"}, {"n_classes", 0}, {"temperature", 2}}, "temperature");
}

TEST_CASE("config: a model of token labels has classes and no pooler") {
  const ModelConfig config = Parsed({{"task", "token_labels"}, {"labels", {"O", "B-X", "I-X"}}, {"temperature", 2}});
  CHECK(config.task == schema::TaskKind_TOKEN_LABELS);
  CHECK(config.num_classes == 3);
  CHECK(!config.has_pooler);
  CheckFails({{"task", "token_labels"}, {"n_classes", 0}}, "n_classes is 0");
  CheckFails({{"task", "token_labels"}, {"n_classes", nullptr}}, "key n_classes is missing");
  CheckFails({{"task", "token_labels"}, {"labels", {"O", "B-X"}}}, "2 labels for n_classes 3");
  CheckFails({{"task", "token_labels"}, {"pooler", true}}, "pooler is true");
  CheckFails({{"task", "token_labels"}, {"problem_type", "multi_label_classification"}}, "problem_type is");
}

TEST_CASE("config: task and is_regression say the same, or one of them is not there") {
  CHECK(Parsed({{"task", "classification"}}).num_classes == 3);
  CHECK(Parsed({{"task", "regression"}, {"n_classes", 1}, {"is_regression", nullptr}}).task ==
        schema::TaskKind_REGRESSION);
  CHECK(Parsed({{"is_regression", true}, {"n_classes", 1}}).task == schema::TaskKind_REGRESSION);
  CheckFails({{"task", "regression"}, {"n_classes", 1}, {"is_regression", false}}, "is_regression is false");
  CheckFails({{"task", "embedding"}, {"n_classes", 0}, {"is_regression", true}}, "is_regression is true");
  CheckFails({{"task", "regression"}, {"is_regression", nullptr}}, "n_classes is 3");
  CheckFails({{"task", "sorting"}}, "task is \"sorting\"");
}

TEST_CASE("config: problem_type is Hugging Face's word for what a classifier's logits mean") {
  const auto task_of = [](const json& changes) { return Parsed(changes).task; };
  CHECK(task_of({{"problem_type", "single_label_classification"}}) == schema::TaskKind_CLASSIFICATION);
  CHECK(task_of({{"problem_type", nullptr}}) == schema::TaskKind_CLASSIFICATION);
  CHECK(task_of({{"problem_type", "multi_label_classification"}}) == schema::TaskKind_MULTI_LABEL);
  CHECK(task_of({{"problem_type", "multi_label_classification"}, {"task", "classification"}, {"temperature", 2}}) ==
        schema::TaskKind_MULTI_LABEL);
  CHECK(task_of({{"problem_type", "regression"}, {"n_classes", 1}, {"is_regression", nullptr}}) ==
        schema::TaskKind_REGRESSION);
  CheckFails({{"problem_type", "ranking"}}, "problem_type is \"ranking\"");
  CheckFails({{"problem_type", "multi_label_classification"}, {"is_regression", true}, {"n_classes", 1}},
             "problem_type is \"multi_label_classification\"");
  CheckFails({{"problem_type", "regression"}, {"is_regression", nullptr}, {"task", "classification"}},
             "problem_type is \"regression\"");
  CheckFails({{"problem_type", "multi_label_classification"}, {"task", "embedding"}, {"n_classes", 0}},
             "problem_type is \"multi_label_classification\"");
}

TEST_CASE("config: no label of a multi-label model holds the separator of labels") {
  const json labels = {"a", "b|c", "d"};
  CHECK(Parsed({{"labels", labels}}).labels.size() == 3);
  CheckFails({{"labels", labels}, {"problem_type", "multi_label_classification"}}, "\"b|c\" holds a |");
}

TEST_CASE("config: the kind of gelu, the layer norm's epsilon, and the hidden mapping") {
  const ModelConfig usual = Parsed(json::object());
  CHECK(usual.activation == smx::schema::Activation_GELU_TANH);
  CHECK(usual.layer_norm_epsilon == 1e-12);
  CHECK(usual.has_hidden_mapping);
  const ModelConfig other =
      Parsed({{"activation", "gelu_erf"}, {"layer_norm_epsilon", 1e-5}, {"hidden_mapping_in", false}, {"d_emb", 32}});
  CHECK(other.activation == smx::schema::Activation_GELU_ERF);
  CHECK(other.layer_norm_epsilon == 1e-5);
  CHECK(!other.has_hidden_mapping);
  CheckFails({{"activation", "relu"}}, "activation is \"relu\"");
  for (const double epsilon : {-1e-3, 1.0}) CheckFails({{"layer_norm_epsilon", epsilon}}, "layer_norm_epsilon");
  CheckFails({{"hidden_mapping_in", false}}, "d_emb 24 is not d_model 32");
}
