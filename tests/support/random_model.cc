#include "support/random_model.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "safetensors.h"
#include "support/input_scales.h"

namespace smx::tests {
namespace {

using tools::ArrayMap;
using tools::ExpertsConfig;
using tools::ModelConfig;

enum class Layout { kBottom, kMiddle, kMixed, kTop, kAll, kNone, kLast, kArbitrary };
constexpr size_t kNumLayouts = 8;

/// Which of `n` layers a layout makes special; the rules of the reference for the first four.
std::vector<bool> RandomLayout(size_t n, Random* random) {
  const Layout layout = static_cast<Layout>(random->Between(0, kNumLayouts - 1));
  const size_t chosen = random->Between(1, n);
  std::vector<bool> special(n);
  for (size_t l = 0; l < n; ++l) {
    switch (layout) {
      case Layout::kBottom:
        special[l] = l < chosen;
        break;
      case Layout::kMiddle:
        special[l] = n - chosen <= 2 * l && 2 * l < n + chosen;
        break;
      case Layout::kMixed:
        special[l] = l % (n / chosen) == 0;
        break;
      case Layout::kTop:
        special[l] = l >= n - chosen;
        break;
      case Layout::kAll:
        special[l] = true;
        break;
      case Layout::kNone:
        break;
      case Layout::kLast:
        special[l] = l + 1 == n;
        break;
      case Layout::kArbitrary:
        special[l] = random->Percent(50);
        break;
    }
  }
  return special;
}

/// 1..40, now and then more than 64.
uint32_t RandomSize(Random* random) {
  return static_cast<uint32_t>(random->Percent(15) ? random->Between(65, 80) : random->Between(1, 40));
}

/// Any but attention; half of the time the learned one.
schema::MixingKind RandomMixing(Random* random) {
  constexpr schema::MixingKind kOthers[] = {schema::MixingKind_FOURIER, schema::MixingKind_HARTLEY,
                                            schema::MixingKind_CIRCULANT, schema::MixingKind_TOEPLITZ};
  return random->Percent(50) ? schema::MixingKind_LINEAR : kOthers[random->Between(0, std::size(kOthers) - 1)];
}

ExpertsConfig RandomExperts(size_t max_seq_len, Random* random) {
  ExpertsConfig experts = {};
  experts.num_experts = static_cast<uint32_t>(random->Between(1, random->Percent(80) ? 6 : 13));
  experts.expert_d_ff = RandomSize(random);
  experts.max_group_size = 4096;
  if (random->Percent(40)) {
    experts.routing = schema::RoutingKind_TOKENS_CHOOSE;
    experts.num_selected_experts =
        static_cast<uint32_t>(random->Percent(40) ? 1 : random->Between(1, experts.num_experts));
    experts.batch_prioritized_routing = random->Percent(60);
  }
  const size_t capacity = random->Between(1, max_seq_len);
  experts.capacity_factor = static_cast<double>(capacity) * experts.num_experts / static_cast<double>(max_seq_len);
  if (random->Percent(10)) experts.capacity_factor = 0;
  if (random->Percent(50)) experts.min_expert_capacity = static_cast<uint32_t>(random->Between(0, max_seq_len + 2));
  return experts;
}

/// Fills arrays of the reference's names and shapes.
class Filler {
 public:
  Filler(const ModelConfig& config, Random* random) : c_(config), random_(random) {}

  ArrayMap Fill();

 private:
  void Add(const std::string& name, const std::vector<size_t>& shape, float magnitude, float center = 0.0f) {
    size_t count = 1;
    for (const size_t extent : shape) count *= extent;
    std::vector<float> values(count);
    for (float& value : values) value = center + random_->Uniform(magnitude);
    arrays_[name] = tools::FromFloat(values, shape);
  }

  /// Keeps the deviation of what it multiplies: uniform values of this magnitude have deviation 1 / sqrt(inputs).
  static float Gain(size_t inputs) { return std::sqrt(3.0f / static_cast<float>(inputs)); }

  void AddLayerNorm(const std::string& name, size_t width) {
    Add(name + "/scale", {width}, 0.3f, 1.0f);
    Add(name + "/bias", {width}, 0.3f);
  }
  void AddDense(const std::string& name, size_t in, size_t out) {
    Add(name + "/kernel", {in, out}, Gain(in));
    Add(name + "/bias", {out}, 0.3f);
  }
  void AddEmbedding();
  void AddMixing(size_t layer);
  void AddAttention(const std::string& prefix);
  void AddExperts(size_t layer);

  const ModelConfig& c_;
  Random* random_;
  ArrayMap arrays_;
};

void Filler::AddEmbedding() {
  const std::string prefix = "encoder/embedder/";
  // Without positions all pads are the same row, and routers see ties.
  const float position = random_->Percent(20) ? 0.0f : 1.0f;
  Add(prefix + "word/embedding", {c_.vocab_size, c_.d_emb}, 1.0f);
  Add(prefix + "position/embedding", {1, c_.max_seq_len, c_.d_emb}, position);
  Add(prefix + "type/embedding", {c_.type_vocab_size, c_.d_emb}, 0.5f);
  AddLayerNorm(prefix + "layer_norm", c_.d_emb);
  if (c_.has_hidden_mapping) AddDense(prefix + "hidden_mapping_in", c_.d_emb, c_.d_model);
}

void Filler::AddMixing(size_t layer) {
  const size_t d = c_.d_model;
  const size_t length = c_.max_seq_len;
  const std::string number = std::to_string(layer);
  switch (c_.layers[layer].mixing) {
    case schema::MixingKind_LINEAR:
      Add("encoder/linear_transform_" + number + "/hidden_kernel", {d, d}, Gain(d));
      Add("encoder/linear_transform_" + number + "/input_kernel", {length, length}, Gain(length));
      return;
    case schema::MixingKind_CIRCULANT:
      Add("encoder/circulant_transform_" + number + "/hidden_kernel", {d}, Gain(d));
      Add("encoder/circulant_transform_" + number + "/input_kernel", {length}, Gain(length));
      return;
    case schema::MixingKind_TOEPLITZ:
      Add("encoder/toeplitz_transform_" + number + "/hidden_kernel", {2 * d - 1}, Gain(d));
      Add("encoder/toeplitz_transform_" + number + "/input_kernel", {2 * length - 1}, Gain(length));
      return;
    case schema::MixingKind_FOURIER:
    case schema::MixingKind_HARTLEY:
      return;
    default:
      return AddAttention("encoder/attention_" + number + "/self/");
  }
}

void Filler::AddAttention(const std::string& prefix) {
  const size_t d = c_.d_model;
  const size_t heads = c_.num_heads;
  for (const char* name : {"query", "key", "value"}) {
    Add(prefix + name + "/kernel", {d, heads, d / heads}, Gain(d));
    Add(prefix + name + "/bias", {heads, d / heads}, 0.3f);
  }
  Add(prefix + "out/kernel", {heads, d / heads, d}, Gain(d));
  Add(prefix + "out/bias", {d}, 0.3f);
}

void Filler::AddExperts(size_t layer) {
  const size_t d = c_.d_model;
  const size_t ff = c_.experts->expert_d_ff;
  const size_t num_experts = c_.experts->num_experts;
  const std::string number = std::to_string(layer);
  const std::string router = "encoder/router_weights_" + number + "/DenseGeneral_0";
  // Of 0, every token has the same probability, and the lowest positions win.
  const float router_gain = random_->Percent(10) ? 0.0f : 2.0f * Gain(d);
  Add(router + "/kernel", {d, num_experts}, router_gain);
  Add(router + "/bias", {num_experts}, 0.3f);
  const std::string prefix = "encoder/expert_" + number + "/";
  Add(prefix + "intermediate/kernel", {d, num_experts, ff}, Gain(d));
  Add(prefix + "intermediate/bias", {ff, num_experts}, 0.3f);
  Add(prefix + "output/kernel", {ff, num_experts, d}, Gain(ff));
  Add(prefix + "output/bias", {d, num_experts}, 0.3f);
}

ArrayMap Filler::Fill() {
  AddEmbedding();
  for (size_t layer = 0; layer < c_.layers.size(); ++layer) {
    const std::string number = std::to_string(layer);
    AddMixing(layer);
    AddLayerNorm("encoder/encoder_" + number + "/mixing_layer_norm", c_.d_model);
    AddLayerNorm("encoder/encoder_" + number + "/output_layer_norm", c_.d_model);
    if (c_.layers[layer].feed_forward == schema::FeedForwardKind_EXPERTS) {
      AddExperts(layer);
      continue;
    }
    AddDense("encoder/feed_forward_" + number + "/intermediate", c_.d_model, c_.d_ff);
    AddDense("encoder/feed_forward_" + number + "/output", c_.d_ff, c_.d_model);
  }
  if (c_.has_pooler) AddDense("encoder/pooler", c_.d_model, c_.d_model);
  if (c_.task == schema::TaskKind_MASKED_TOKENS) {
    AddDense("predictions_dense", c_.d_model, c_.d_emb);
    AddLayerNorm("predictions_layer_norm", c_.d_emb);
    Add("predictions_output/output_bias", {c_.vocab_size}, 0.3f);
  }
  if (c_.num_classes == 0) return std::move(arrays_);
  const std::string head = c_.task == schema::TaskKind_TOKEN_LABELS ? "token_labels/" : "classification/";
  Add(head + "output_kernel", {c_.num_classes, c_.d_model}, Gain(c_.d_model));
  Add(head + "output_bias", {c_.num_classes}, 0.3f);
  return std::move(arrays_);
}

void FillText(const ModelInfo& info, Random* random, int32_t* ids, size_t n) {
  const auto real_id = [&] {
    const size_t id = random->Between(0, info.vocab_size - 2);
    return static_cast<int32_t>(id) + (static_cast<int32_t>(id) >= info.pad_id ? 1 : 0);
  };
  if (info.masked_padding) {
    // Every id is a token here, that of the pad too.
    for (size_t i = 0; i < n; ++i) ids[i] = static_cast<int32_t>(random->Between(0, info.vocab_size - 1));
    return;
  }
  const size_t num_real = random->Percent(5) ? 0 : random->Percent(15) ? n : random->Between(1, n);
  for (size_t i = 0; i < n; ++i) ids[i] = i < num_real ? real_id() : info.pad_id;
  if (num_real > 0 && random->Percent(15)) ids[random->Between(0, num_real - 1)] = info.pad_id;
}

/// As other encoders have it; labels of tokens, masked tokens, and embeddings without a head, or without a pooler too.
void AddVariants(Random* random, ModelConfig* c) {
  if (random->Percent(30)) c->activation = schema::Activation_GELU_ERF;
  if (random->Percent(30)) c->layer_norm_epsilon = 0.01;
  if (random->Percent(25)) {
    c->d_emb = c->d_model;
    c->has_hidden_mapping = false;
  }
  if (c->task != schema::TaskKind_REGRESSION && random->Percent(15)) {
    c->task = schema::TaskKind_TOKEN_LABELS;
    c->has_pooler = false;
    return;
  }
  if (!random->Percent(20)) return;
  c->num_classes = 0;
  c->task = random->Percent(50) ? schema::TaskKind_MASKED_TOKENS : schema::TaskKind_EMBEDDING;
  c->has_pooler = c->task == schema::TaskKind_EMBEDDING && random->Percent(50);
}

}  // namespace

ModelConfig RandomModelConfig(Random* random) {
  ModelConfig c = {};
  c.num_heads = static_cast<uint32_t>(random->Between(1, 5));
  c.d_model = std::max(RandomSize(random) / c.num_heads, 1u) * c.num_heads;
  c.d_emb = RandomSize(random);
  c.d_ff = RandomSize(random);
  c.max_seq_len = RandomSize(random);
  // Longer than the rows that a feed-forward stage computes at once.
  if (random->Percent(4)) c.max_seq_len = static_cast<uint32_t>(random->Between(126, 150));
  c.vocab_size = static_cast<uint32_t>(random->Between(2, 30));
  c.type_vocab_size = static_cast<uint32_t>(random->Between(1, 4));
  c.pad_id = static_cast<uint32_t>(random->Percent(60) ? 0 : random->Between(0, c.vocab_size - 1));
  const bool is_regression = random->Percent(20);
  c.num_classes = is_regression ? 1 : static_cast<uint32_t>(random->Between(1, 9));
  if (is_regression) c.task = schema::TaskKind_REGRESSION;
  if (!is_regression && random->Percent(20)) c.task = schema::TaskKind_MULTI_LABEL;
  c.padding = random->Percent(30) ? schema::Padding_MASKED : schema::Padding_REFERENCE;
  const size_t num_layers = random->Between(1, 6);
  const std::vector<bool> attention = RandomLayout(num_layers, random);
  const std::vector<bool> experts = RandomLayout(num_layers, random);
  for (size_t l = 0; l < num_layers; ++l) {
    c.layers.push_back({attention[l] ? schema::MixingKind_ATTENTION : RandomMixing(random),
                        experts[l] ? schema::FeedForwardKind_EXPERTS : schema::FeedForwardKind_DENSE});
  }
  if (std::count(experts.begin(), experts.end(), true) > 0) c.experts = RandomExperts(c.max_seq_len, random);
  if (random->Percent(20)) c.router_type = schema::RouterType_BFLOAT16;
  AddVariants(random, &c);
  return c;
}

tools::ModelContent RandomWeights(const ModelConfig& config, Random* random) {
  tools::ModelContent content;
  content.config = config;
  content.checkpoint = tools::ReadCheckpoint("random model", Filler(config, random).Fill(), config);
  content.source_sha256.assign(32, 0);
  if (random->Percent(40)) AddAllInputScales([random](size_t) { return 1.0f + random->Uniform(0.9f); }, &content);
  return content;
}

tools::ModelContent RandomModel(uint64_t seed) {
  Random random(seed);
  return RandomWeights(RandomModelConfig(&random), &random);
}

std::string Describe(const ModelConfig& c) {
  std::string text = c.padding == schema::Padding_MASKED ? "masked" : "reference";
  if (c.routing_group == schema::RoutingGroup_BATCH) text += ", routed as a batch";
  if (c.reference_group_order) text += " in the reference's order";
  for (const tools::LayerKinds& layer : c.layers) {
    text += std::string(" ") + schema::EnumNameMixingKind(layer.mixing);
    if (layer.feed_forward == schema::FeedForwardKind_EXPERTS) text += "+experts";
  }
  const auto add = [&text](const char* name, size_t value) {
    text += std::string(" ") + name + " " + std::to_string(value);
  };
  add("L", c.max_seq_len);
  add("d_model", c.d_model);
  add("heads", c.num_heads);
  add("d_emb", c.d_emb);
  add("d_ff", c.d_ff);
  add("pad_id", c.pad_id);
  add("classes", c.num_classes);
  if (c.task == schema::TaskKind_MASKED_TOKENS) text += " masked tokens";
  if (c.task == schema::TaskKind_TOKEN_LABELS) text += " token labels";
  if (!c.has_pooler) text += " no pooler";
  if (!c.has_hidden_mapping) text += " no hidden mapping";
  if (c.activation == schema::Activation_GELU_ERF) text += " gelu_erf";
  if (!c.experts) return text;
  if (c.router_type == schema::RouterType_BFLOAT16) text += " bfloat16";
  if (c.experts->batch_prioritized_routing) text += " surest first";
  const bool tokens_choose = c.experts->routing == schema::RoutingKind_TOKENS_CHOOSE;
  add(tokens_choose ? "tokens choose" : "experts choose, k", c.experts->num_selected_experts);
  add("experts", c.experts->num_experts);
  add("max_group_size", c.experts->max_group_size);
  add("expert_d_ff", c.experts->expert_d_ff);
  add("min_expert_capacity", c.experts->min_expert_capacity);
  return text + " capacity_factor " + std::to_string(c.experts->capacity_factor);
}

bool TakesAnyLength(const Model& model) {
  if (model.info().masked_padding) return true;
  for (size_t i = 0; i < model.info().num_layers; ++i) {
    for (const char* fixed : {"linear", "circulant", "toeplitz"}) {
      if (std::strcmp(model.layer(i).mixing, fixed) == 0) return false;
    }
  }
  return true;
}

TokenInput RandomInput(const Model& model, Random* random, size_t num_texts) {
  const ModelInfo& info = model.info();
  const size_t n = TakesAnyLength(model) ? random->Between(1, info.max_seq_len) : info.max_seq_len;
  TokenInput input;
  input.num_texts = num_texts;
  input.token_ids.resize(num_texts * n);
  for (size_t b = 0; b < num_texts; ++b) FillText(info, random, input.token_ids.data() + b * n, n);
  if (random->Percent(30)) return input;
  for (const int32_t id : input.token_ids) {
    const bool is_pad = !info.masked_padding && id == info.pad_id;
    input.type_ids.push_back(is_pad ? 0 : static_cast<int32_t>(random->Between(0, info.type_vocab_size - 1)));
  }
  return input;
}

RandomCase::RandomCase(uint64_t seed) : random(seed) {
  ModelConfig config = RandomModelConfig(&random);
  if (random.Percent(20) && config.padding == schema::Padding_REFERENCE) {
    config.routing_group = schema::RoutingGroup_BATCH;
    options.batch_size = random.Between(1, 3);
    const size_t max_tokens = options.batch_size * config.max_seq_len;
    if (config.experts && random.Percent(60)) {
      config.experts->max_group_size = static_cast<uint32_t>(random.Between(1, max_tokens));
    }
    config.reference_group_order = random.Percent(50);
  }
  content = RandomWeights(config, &random);
  if (random.Percent(30)) options.backend = BackendChoice::kXnnpack;
}

}  // namespace smx::tests
