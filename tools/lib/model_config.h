#ifndef SMX_TOOLS_LIB_MODEL_CONFIG_H_
#define SMX_TOOLS_LIB_MODEL_CONFIG_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "schema/model_generated.h"
#include "tokenizer_compiler.h"

namespace smx::tools {

struct LayerKinds {
  schema::MixingKind mixing;
  schema::FeedForwardKind feed_forward;
};

struct ExpertsConfig {
  uint32_t num_experts;
  uint32_t expert_d_ff;
  double capacity_factor;
  uint32_t min_expert_capacity;
  uint32_t max_group_size;
  schema::RoutingKind routing = schema::RoutingKind_EXPERTS_CHOOSE;
  uint32_t num_selected_experts = 1;       // tokens-choose
  bool batch_prioritized_routing = false;  // tokens-choose
};

struct TokenizerConfig {
  std::string file;  // relative to config.json
  TokenizerSwitches switches;
};

/// The object "model_card" of config.json.
struct ModelCardConfig {
  std::string name, licence, language, training_data, accuracy, description;
};

/// config.json: the reference's fields under the names of the model file, and those of our own.
struct ModelConfig {
  uint32_t vocab_size, type_vocab_size, max_seq_len;
  uint32_t d_emb, d_model, d_ff, num_heads;
  uint32_t pad_id;
  uint32_t num_classes;  // of a text, or of a token; 0 where there are none
  schema::TaskKind task = schema::TaskKind_CLASSIFICATION;
  bool has_pooler = true;
  bool has_hidden_mapping = true;  // else d_emb is d_model
  schema::Activation activation = schema::Activation_GELU_TANH;
  double layer_norm_epsilon = 1e-12;
  double temperature = 1;  // logits are divided by it before they become probabilities
  std::vector<LayerKinds> layers;
  std::optional<ExpertsConfig> experts;  // present exactly when a layer has experts
  schema::Padding padding = schema::Padding_REFERENCE;
  schema::RoutingGroup routing_group = schema::RoutingGroup_SEQUENCE;
  bool reference_group_order = false;  // BATCH, several groups: the reference's mix-up of groups and experts
  schema::RouterType router_type = schema::RouterType_FLOAT32;
  std::vector<std::string> labels;  // none, or num_classes of them
  std::optional<TokenizerConfig> tokenizer;
  ModelCardConfig card;
  std::vector<std::string> unknown_keys;  // ignored; worth a warning
};

/// What the command line says instead of config.json; empty means nothing.
struct ConfigFlags {
  std::string padding, routing_group, router_type, labels_file;
};

/// Reads and checks; Error(kBadInput) naming file, key, value and rule, Error(kUnsupported) naming what is not built.
ModelConfig ReadModelConfig(const std::string& path, const ConfigFlags& flags);

/// The same of the file's content; `path` is for messages.
ModelConfig ParseModelConfig(const std::string& path, const nlohmann::json& root, const ConfigFlags& flags);

/// Label names in class order: a JSON array of texts, or one name per line.
std::vector<std::string> ReadLabels(const std::string& path);

}  // namespace smx::tools

#endif  // SMX_TOOLS_LIB_MODEL_CONFIG_H_
