#include "model_config.h"

#include <algorithm>
#include <map>
#include <set>

#include "error.h"
#include "file_format.h"
#include "json_reader.h"
#include "output_file.h"
#include "parse_json.h"
#include "tsv.h"
#include "utf8.h"

namespace smx::tools {
namespace {

using nlohmann::json;

/// Fields of the reference that say nothing about inference.
constexpr const char* kIgnoredKeys[] = {"train_capacity_factor",
                                        "jitter_noise",
                                        "use_fft",
                                        "dropout_rate",
                                        "mixing_dropout_rate",
                                        "expert_dropout_rate",
                                        "dtype",
                                        "golden",
                                        "seed",
                                        "init_checkpoint_dir",
                                        "output_dir",
                                        "learning_rate",
                                        "num_train_steps",
                                        "num_warmup_steps",
                                        "weight_decay",
                                        "max_predictions_per_seq",
                                        "auxiliary_loss_factor",
                                        "router_z_loss_factor",
                                        "train_batch_size",
                                        "eval_batch_size"};

/// The reference's architectures, by what mixes where no attention is asked for.
const std::map<std::string, schema::MixingKind> kMixings = {
    {"LINEAR", schema::MixingKind_LINEAR},  {"F_NET", schema::MixingKind_FOURIER},
    {"H_NET", schema::MixingKind_HARTLEY},  {"C_NET", schema::MixingKind_CIRCULANT},
    {"T_NET", schema::MixingKind_TOEPLITZ}, {"BERT", schema::MixingKind_ATTENTION},
};

std::string UpperCase(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  return text;
}

bool IsOneOf(const std::string& value, std::initializer_list<const char*> allowed) {
  return std::any_of(allowed.begin(), allowed.end(), [&](const char* name) { return value == name; });
}

/// Whether a layout that was asked for `chosen` special layers of `n` makes `layer` one of them.
bool IsChosen(const std::string& layout, uint32_t layer, uint32_t n, uint32_t chosen) {
  if (layout == "BOTTOM") return layer < chosen;
  if (layout == "TOP") return layer + chosen >= n;
  if (layout == "MIDDLE") return n <= 2 * layer + chosen && 2 * layer < n + chosen;
  return chosen > 0 && layer % (n / chosen) == 0;  // MIXED; may be more than were asked for
}

/// Which layers a pair of keys, such as num_moe_layers and moe_layout, makes special.
std::vector<bool> ReadLayout(JsonReader* reader, const char* count_key, const char* layout_key, uint32_t num_layers) {
  const uint32_t chosen = reader->CountOr(count_key, 0);
  if (chosen > num_layers) reader->Fail(count_key, "must be at most num_layers " + std::to_string(num_layers));
  const std::string layout = UpperCase(reader->TextOr(layout_key, "TOP"));
  if (!IsOneOf(layout, {"BOTTOM", "MIDDLE", "MIXED", "TOP"})) {
    reader->Fail(layout_key, "must be BOTTOM, MIDDLE, MIXED or TOP");
  }
  std::vector<bool> special;
  for (uint32_t layer = 0; layer < num_layers; ++layer) {
    special.push_back(IsChosen(layout, layer, num_layers, chosen));
  }
  return special;
}

void ReadLayers(JsonReader* reader, ModelConfig* config) {
  const uint32_t num_layers = reader->Count("num_layers");
  if (num_layers > 256) reader->Fail("num_layers", "must be at most 256");
  const std::string arch = UpperCase(reader->Text("model_arch"));
  const auto mixing = kMixings.find(arch);
  if (mixing == kMixings.end()) reader->Fail("model_arch", "must be LINEAR, BERT, F_NET, H_NET, C_NET or T_NET");
  const std::vector<bool> attention = ReadLayout(reader, "num_attention_layers", "attention_layout", num_layers);
  const std::vector<bool> experts = ReadLayout(reader, "num_moe_layers", "moe_layout", num_layers);
  for (uint32_t i = 0; i < num_layers; ++i) {
    config->layers.push_back({attention[i] ? schema::MixingKind_ATTENTION : mixing->second,
                              experts[i] ? schema::FeedForwardKind_EXPERTS : schema::FeedForwardKind_DENSE});
  }
}

bool HasExperts(const ModelConfig& config) {
  return std::any_of(config.layers.begin(), config.layers.end(),
                     [](const LayerKinds& layer) { return layer.feed_forward == schema::FeedForwardKind_EXPERTS; });
}

/// Who chooses, and how. The reference's MASK and SCATTER compute the same in two ways.
void ReadRouting(JsonReader* reader, ExpertsConfig* experts) {
  const std::string dispatch = UpperCase(reader->TextOr("dispatch_algorithm", "MASK_EXPERTS_CHOOSE"));
  if (dispatch == "MASK_EXPERTS_CHOOSE") return;
  if (!IsOneOf(dispatch, {"MASK_TOKENS_CHOOSE", "SCATTER_TOKENS_CHOOSE"})) {
    reader->Fail("dispatch_algorithm", "must be MASK_EXPERTS_CHOOSE, MASK_TOKENS_CHOOSE or SCATTER_TOKENS_CHOOSE");
  }
  experts->routing = schema::RoutingKind_TOKENS_CHOOSE;
  if (reader->Has("num_selected_experts")) experts->num_selected_experts = reader->Count("num_selected_experts");
  if (experts->num_selected_experts > experts->num_experts) {
    reader->Fail("num_selected_experts", "must be at most num_experts " + std::to_string(experts->num_experts));
  }
  experts->batch_prioritized_routing = reader->BoolOr("batch_prioritized_routing", true);
}

void ReadExperts(JsonReader* reader, ModelConfig* config) {
  for (const char* key : {"num_experts", "expert_d_ff", "eval_capacity_factor", "min_expert_capacity", "max_group_size",
                          "dispatch_algorithm", "num_selected_experts", "batch_prioritized_routing"}) {
    reader->Ignore(key);
  }
  if (!HasExperts(*config)) return;
  ExpertsConfig experts = {};
  experts.num_experts = reader->Count("num_experts");
  experts.expert_d_ff = reader->Has("expert_d_ff") ? reader->Count("expert_d_ff") : config->d_ff;
  experts.capacity_factor = reader->Number("eval_capacity_factor");
  if (!(experts.capacity_factor >= 0)) reader->Fail("eval_capacity_factor", "must be 0 or more");
  experts.min_expert_capacity = reader->CountOr("min_expert_capacity", 4);
  experts.max_group_size = reader->Has("max_group_size") ? reader->Count("max_group_size") : 4096;
  ReadRouting(reader, &experts);
  config->experts = experts;
}

/// The flag if there is one, else the key, else `otherwise`.
std::string FlagOrKey(JsonReader* reader, const std::string& flag, const char* key, const char* otherwise) {
  const std::string value = reader->TextOr(key, otherwise);
  return flag.empty() ? value : flag;
}

void ReadSemantics(JsonReader* reader, const ConfigFlags& flags, ModelConfig* config) {
  const std::string padding = FlagOrKey(reader, flags.padding, "padding", "reference");
  if (!IsOneOf(padding, {"reference", "masked"})) reader->Fail("padding", "must be reference or masked");
  const std::string group = FlagOrKey(reader, flags.routing_group, "routing_group", "sequence");
  if (!IsOneOf(group, {"sequence", "batch"})) reader->Fail("routing_group", "must be sequence or batch");
  const std::string router = FlagOrKey(reader, flags.router_type, "router_type", "float32");
  if (!IsOneOf(router, {"float32", "bfloat16"})) reader->Fail("router_type", "must be float32 or bfloat16");
  if (padding == "masked" && group == "batch") {
    throw Error(ExitCode::kBadInput,
                reader->where() + ": padding masked with routing_group batch; masked routes each text alone");
  }
  const bool is_bfloat16 = router == "bfloat16" && config->experts;
  config->router_type = is_bfloat16 ? schema::RouterType_BFLOAT16 : schema::RouterType_FLOAT32;
  config->padding = padding == "masked" ? schema::Padding_MASKED : schema::Padding_REFERENCE;
  config->routing_group = group == "batch" ? schema::RoutingGroup_BATCH : schema::RoutingGroup_SEQUENCE;
  const bool reference_order = reader->BoolOr("reference_group_order", true);
  config->reference_group_order = reference_order && group == "batch";
}

void ReadSizes(JsonReader* reader, ModelConfig* config) {
  config->vocab_size = reader->Count("vocab_size");
  config->type_vocab_size = reader->Count("type_vocab_size");
  config->max_seq_len = reader->Count("max_seq_length");
  config->d_model = reader->Count("d_model");
  config->d_emb = reader->Has("d_emb") ? reader->Count("d_emb") : config->d_model;
  config->d_ff = reader->Count("d_ff");
  config->num_heads = reader->Count("num_heads");
  config->pad_id = reader->CountOr("pad_id", 0);
  if (config->d_model % config->num_heads != 0) {
    reader->Fail("num_heads", "must divide d_model " + std::to_string(config->d_model));
  }
  if (config->pad_id >= config->vocab_size) {
    reader->Fail("pad_id", "must be below vocab_size " + std::to_string(config->vocab_size));
  }
}

/// What `task` says, with two more words for it: is_regression, as the reference has it, and problem_type, as Hugging
/// Face does for what a classifier's logits mean.
schema::TaskKind ReadTask(JsonReader* reader) {
  const std::string problem = reader->TextOr("problem_type", "");
  const bool is_regression = reader->BoolOr("is_regression", problem == "regression");
  const std::string task = reader->TextOr("task", is_regression ? "regression" : "classification");
  if (!IsOneOf(task, {"classification", "regression", "embedding", "masked_tokens", "token_labels"})) {
    reader->Fail("task", "must be classification, regression, embedding, masked_tokens or token_labels");
  }
  if (reader->Has("is_regression") && is_regression != (task == "regression")) {
    reader->Fail("is_regression", "but task is " + task);
  }
  if (!IsOneOf(problem, {"", "single_label_classification", "multi_label_classification", "regression"})) {
    reader->Fail("problem_type", "must be single_label_classification, multi_label_classification or regression");
  }
  if (!problem.empty() && task != (problem == "regression" ? "regression" : "classification")) {
    reader->Fail("problem_type", "but task is " + task);
  }
  if (task == "embedding") return schema::TaskKind_EMBEDDING;
  if (task == "masked_tokens") return schema::TaskKind_MASKED_TOKENS;
  if (task == "token_labels") return schema::TaskKind_TOKEN_LABELS;
  if (task == "regression") return schema::TaskKind_REGRESSION;
  return problem == "multi_label_classification" ? schema::TaskKind_MULTI_LABEL : schema::TaskKind_CLASSIFICATION;
}

/// What is on top of the last block. Without a head the rows themselves are read, as embeddings.
void ReadHead(JsonReader* reader, ModelConfig* config) {
  config->task = ReadTask(reader);
  const bool is_masked_tokens = config->task == schema::TaskKind_MASKED_TOKENS;
  const bool has_classes = config->task != schema::TaskKind_EMBEDDING && !is_masked_tokens;
  const bool is_of_tokens = is_masked_tokens || config->task == schema::TaskKind_TOKEN_LABELS;
  config->num_classes = has_classes ? reader->Count("n_classes") : reader->CountOr("n_classes", 0);
  if (!has_classes && config->num_classes != 0) {
    reader->Fail("n_classes", "must not be there, or 0, for task embedding and masked_tokens");
  }
  config->has_pooler = reader->BoolOr("pooler", !is_of_tokens);
  if (!config->has_pooler && has_classes && !is_of_tokens) {
    reader->Fail("pooler", "must be true: the head reads the pooled row");
  }
  if (config->has_pooler && is_of_tokens) reader->Fail("pooler", "must be false: a head for tokens does not read it");
  const bool is_regression = config->task == schema::TaskKind_REGRESSION;
  if (is_regression && config->num_classes != 1) reader->Fail("n_classes", "must be 1 for is_regression");
}

/// What the reference leaves no choice of, and other encoders have in another way.
void ReadVariants(JsonReader* reader, ModelConfig* config) {
  const std::string activation = reader->TextOr("activation", "gelu_tanh");
  if (!IsOneOf(activation, {"gelu_tanh", "gelu_erf"})) reader->Fail("activation", "must be gelu_tanh or gelu_erf");
  config->activation = activation == "gelu_erf" ? schema::Activation_GELU_ERF : schema::Activation_GELU_TANH;
  config->layer_norm_epsilon = reader->NumberOr("layer_norm_epsilon", 1e-12);
  if (!(config->layer_norm_epsilon >= 0 && config->layer_norm_epsilon < 1)) {
    reader->Fail("layer_norm_epsilon", "must be 0 or more and below 1");
  }
  config->has_hidden_mapping = reader->BoolOr("hidden_mapping_in", true);
  if (!config->has_hidden_mapping && config->d_emb != config->d_model) {
    reader->Fail("hidden_mapping_in", "must be true where d_emb " + std::to_string(config->d_emb) + " is not d_model " +
                                          std::to_string(config->d_model));
  }
}

void ReadTemperature(JsonReader* reader, ModelConfig* config) {
  if (!reader->Has("temperature")) return;
  config->temperature = reader->Number("temperature");
  if (!(config->temperature >= schema::kMinTemperature && config->temperature <= schema::kMaxTemperature)) {
    reader->Fail("temperature", "must be a number 0.01..100");
  }
  const bool has_probabilities = config->task == schema::TaskKind_CLASSIFICATION ||
                                 config->task == schema::TaskKind_MULTI_LABEL ||
                                 config->task == schema::TaskKind_TOKEN_LABELS;
  if (!has_probabilities && config->temperature != 1) {
    reader->Fail("temperature", "must be 1 but where classes have probabilities");
  }
}

void CheckLabels(const std::vector<std::string>& labels, const std::string& where) {
  std::set<std::string> seen;
  for (const std::string& label : labels) {
    const bool fits = !label.empty() && Printable(label) == label && FirstInvalidUtf8(label) == label.size();
    if (!fits) {
      throw Error(ExitCode::kBadInput, where + ": label " + std::to_string(seen.size()) +
                                           " is empty, not UTF-8, or holds a control character such as a tab");
    }
    if (!seen.insert(label).second) throw Error(ExitCode::kBadInput, where + ": label \"" + label + "\" occurs twice");
  }
}

std::vector<std::string> TextsOf(const json& value, const std::string& where) {
  std::vector<std::string> texts;
  if (!value.is_array()) {
    throw Error(ExitCode::kBadInput, where + ": is " + ShortText(value) + ", must be an array of texts");
  }
  for (const json& item : value) {
    if (!item.is_string()) throw Error(ExitCode::kBadInput, where + ": " + ShortText(item) + " is no text");
    texts.push_back(item.get<std::string>());
  }
  return texts;
}

void ReadLabelsOf(JsonReader* reader, const ConfigFlags& flags, ModelConfig* config) {
  if (reader->Has("labels")) {
    config->labels = TextsOf(reader->Required("labels"), reader->where() + ": labels");
    CheckLabels(config->labels, reader->where());
  }
  if (!flags.labels_file.empty()) config->labels = ReadLabels(flags.labels_file);
  const std::string& where = flags.labels_file.empty() ? reader->where() : flags.labels_file;
  for (const std::string& label : config->labels) {
    if (config->task != schema::TaskKind_MULTI_LABEL || label.find(kLabelSeparator) == std::string::npos) continue;
    throw Error(ExitCode::kBadInput, where + ": label \"" + label + "\" holds a " + kLabelSeparator +
                                         ", which splits the labels of a text with several");
  }
  if (config->labels.empty() || config->labels.size() == config->num_classes) return;
  throw Error(ExitCode::kBadInput, where + ": " + std::to_string(config->labels.size()) + " labels for n_classes " +
                                       std::to_string(config->num_classes));
}

void ReadTokenizer(JsonReader* outer, ModelConfig* config) {
  if (!outer->Has("tokenizer")) return;
  JsonReader reader(outer->where() + ": tokenizer", outer->Required("tokenizer"));
  TokenizerConfig tokenizer;
  tokenizer.file = reader.Text("file");
  tokenizer.switches.clean_text = reader.BoolOr("clean_text", true);
  tokenizer.switches.handle_chinese_chars = reader.BoolOr("handle_chinese_chars", true);
  tokenizer.switches.lowercase = reader.BoolOr("lowercase", true);
  if (reader.Has("strip_accents")) tokenizer.switches.strip_accents = reader.BoolOr("strip_accents", false);
  config->tokenizer = tokenizer;
  for (const std::string& key : reader.UnknownKeys()) config->unknown_keys.push_back("tokenizer." + key);
}

void ReadCard(JsonReader* outer, ModelConfig* config) {
  if (!outer->Has("model_card")) return;
  JsonReader reader(outer->where() + ": model_card", outer->Required("model_card"));
  config->card = {reader.TextOr("name", ""),          reader.TextOr("licence", ""),  reader.TextOr("language", ""),
                  reader.TextOr("training_data", ""), reader.TextOr("accuracy", ""), reader.TextOr("description", "")};
  for (const std::string& key : reader.UnknownKeys()) config->unknown_keys.push_back("model_card." + key);
}

json ParseJsonFile(const std::string& path) {
  const std::vector<uint8_t> bytes = ReadWhole(path);
  return ParseJson(path, bytes.data(), bytes.size());
}

}  // namespace

ModelConfig ReadModelConfig(const std::string& path, const ConfigFlags& flags) {
  return ParseModelConfig(path, ParseJsonFile(path), flags);
}

ModelConfig ParseModelConfig(const std::string& path, const json& root, const ConfigFlags& flags) {
  JsonReader reader(path, root);
  ModelConfig config = {};
  ReadSizes(&reader, &config);
  ReadHead(&reader, &config);
  ReadVariants(&reader, &config);
  ReadLayers(&reader, &config);
  ReadExperts(&reader, &config);
  ReadSemantics(&reader, flags, &config);
  ReadTemperature(&reader, &config);
  ReadLabelsOf(&reader, flags, &config);
  ReadTokenizer(&reader, &config);
  ReadCard(&reader, &config);
  for (const char* key : kIgnoredKeys) reader.Ignore(key);
  for (const std::string& key : reader.UnknownKeys()) config.unknown_keys.push_back(key);
  return config;
}

std::vector<std::string> ReadLabels(const std::string& path) {
  const std::vector<uint8_t> bytes = ReadWhole(path);
  std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  std::vector<std::string> labels;
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) throw Error(ExitCode::kBadInput, path + ": empty; one label per line is needed");
  if (text[first] == '[') {
    labels = TextsOf(ParseJsonFile(path), path);
  } else {
    if (text.back() == '\n') text.remove_suffix(1);
    while (true) {
      const size_t end = text.find('\n');
      std::string line(text.substr(0, end));
      if (!line.empty() && line.back() == '\r') line.pop_back();
      labels.push_back(line);
      if (end == std::string_view::npos) break;
      text.remove_prefix(end + 1);
    }
  }
  CheckLabels(labels, path);
  return labels;
}

}  // namespace smx::tools
