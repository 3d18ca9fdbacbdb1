#include <cmath>

#include "base/log.h"
#include "file_format.h"
#include "model/check.h"

namespace smx {
namespace {

// Far beyond any text encoder, and small enough that int8 products are exact in int32.
constexpr uint32_t kMaxWidth = 1u << 16;
constexpr uint32_t kMaxVocabulary = 1u << 24;
constexpr uint32_t kMaxLayers = 256;
constexpr uint32_t kMaxExperts = 4096;

// Of mixings whose matrix [max_seq_len, max_seq_len] is not in the file: a backend packs it all the same, and a small
// file must not ask for much memory.
constexpr uint32_t kMaxImpliedLength = 8192;

struct Bound {
  const char* name;
  uint32_t value;
  uint32_t max;
};

Status CheckBounds(Span<const Bound> bounds, const Log& log) {
  for (const Bound& bound : bounds) {
    if (bound.value == 0 || bound.value > bound.max) {
      return Fail(log, Status::kInvalidModel, "config: %s %u, must be 1..%u", bound.name, bound.value, bound.max);
    }
  }
  return Status::kOk;
}

Status CheckSizes(const schema::Config& c, const Log& log) {
  const Bound bounds[] = {{"vocab_size", c.vocab_size(), kMaxVocabulary},
                          {"type_vocab_size", c.type_vocab_size(), kMaxWidth},
                          {"max_seq_len", c.max_seq_len(), kMaxWidth},
                          {"d_emb", c.d_emb(), kMaxWidth},
                          {"d_model", c.d_model(), kMaxWidth},
                          {"d_ff", c.d_ff(), kMaxWidth},
                          {"num_heads", c.num_heads(), kMaxWidth},
                          {"layers", c.layers()->size(), kMaxLayers}};
  SMX_TRY(CheckBounds(bounds, log));
  if (c.d_model() % c.num_heads() != 0) {
    return Fail(log, Status::kInvalidModel, "config: d_model %u is no multiple of num_heads %u", c.d_model(),
                c.num_heads());
  }
  if (c.pad_id() >= c.vocab_size()) {
    return Fail(log, Status::kInvalidModel, "config: pad_id %u, must be below vocab_size %u", c.pad_id(),
                c.vocab_size());
  }
  const float epsilon = c.layer_norm_epsilon();
  if (!(epsilon >= 0.0f && epsilon < 1.0f)) {
    return Fail(log, Status::kInvalidModel, "config: layer_norm_epsilon %g, must be 0..1",
                static_cast<double>(epsilon));
  }
  return Status::kOk;
}

/// An enum of the file that is beyond those the schema knows is a newer file; one that it knows is named.
Status NotBuilt(const Log& log, const char* what, const char* name, unsigned value) {
  return Fail(log, Status::kUnsupported, "config: %s %s (%u) is not built in this version", what,
              name[0] == '\0' ? "of a newer version" : name, value);
}

Status CheckKinds(const schema::Config& c, const Log& log) {
  if (c.activation() > schema::Activation_GELU_ERF) {
    return NotBuilt(log, "activation", schema::EnumNameActivation(c.activation()), c.activation());
  }
  if (c.padding() > schema::Padding_MASKED) {
    return NotBuilt(log, "padding", schema::EnumNamePadding(c.padding()), c.padding());
  }
  if (c.routing_group() > schema::RoutingGroup_BATCH) {
    return NotBuilt(log, "routing_group", schema::EnumNameRoutingGroup(c.routing_group()), c.routing_group());
  }
  if (c.padding() == schema::Padding_MASKED && c.routing_group() == schema::RoutingGroup_BATCH) {
    return Fail(log, Status::kInvalidModel,
                "config: padding MASKED with routing_group BATCH; masked routes each text alone");
  }
  if (!c.has_hidden_mapping() && c.d_emb() != c.d_model()) {
    return Fail(log, Status::kInvalidModel, "config: no hidden mapping, but d_emb %u is not d_model %u", c.d_emb(),
                c.d_model());
  }
  return Status::kOk;
}

Status CheckTask(schema::TaskKind kind, const Log& log, Task* task) {
  switch (kind) {
    case schema::TaskKind_CLASSIFICATION:
      *task = Task::kClassification;
      return Status::kOk;
    case schema::TaskKind_REGRESSION:
      *task = Task::kRegression;
      return Status::kOk;
    case schema::TaskKind_MULTI_LABEL:
      *task = Task::kMultiLabel;
      return Status::kOk;
    case schema::TaskKind_EMBEDDING:
      *task = Task::kEmbedding;
      return Status::kOk;
    case schema::TaskKind_MASKED_TOKENS:
      *task = Task::kMaskedTokens;
      return Status::kOk;
    case schema::TaskKind_TOKEN_LABELS:
      *task = Task::kTokenLabels;
      return Status::kOk;
    default:
      return NotBuilt(log, "task", schema::EnumNameTaskKind(kind), kind);
  }
}

/// What is on top of the last block.
Status CheckHead(const schema::Config& c, const Log& log) {
  const bool has_classes = c.task() != schema::TaskKind_MASKED_TOKENS && c.task() != schema::TaskKind_EMBEDDING;
  const bool is_of_tokens = c.task() == schema::TaskKind_MASKED_TOKENS || c.task() == schema::TaskKind_TOKEN_LABELS;
  if (!has_classes && c.num_classes() != 0) {
    return Fail(log, Status::kInvalidModel, "config: task %s with %u classes, must be 0",
                schema::EnumNameTaskKind(c.task()), c.num_classes());
  }
  if (is_of_tokens && c.has_pooler()) {
    return Fail(log, Status::kInvalidModel, "config: task %s with a pooler, which nobody reads",
                schema::EnumNameTaskKind(c.task()));
  }
  if (!has_classes) return Status::kOk;
  const Bound classes[] = {{"num_classes", c.num_classes(), kMaxWidth}};
  SMX_TRY(CheckBounds(classes, log));
  if (c.task() == schema::TaskKind_REGRESSION && c.num_classes() != 1) {
    return Fail(log, Status::kInvalidModel, "config: task REGRESSION with %u classes, must be 1", c.num_classes());
  }
  if (c.has_pooler() || is_of_tokens) return Status::kOk;
  return Fail(log, Status::kInvalidModel, "config: task %s without a pooler, which its head reads",
              schema::EnumNameTaskKind(c.task()));
}

Status CheckTemperature(const schema::Config& c, Task task, const Log& log) {
  const double temperature = c.temperature();
  const bool has_probabilities =
      task == Task::kClassification || task == Task::kMultiLabel || task == Task::kTokenLabels;
  if (!(temperature >= schema::kMinTemperature && temperature <= schema::kMaxTemperature)) {
    return Fail(log, Status::kInvalidModel, "config: temperature %.17g, must be %g..%g", temperature,
                schema::kMinTemperature, schema::kMaxTemperature);
  }
  if (!has_probabilities && temperature != 1) {
    return Fail(log, Status::kInvalidModel, "config: temperature %.17g with task %s, must be 1: no probability",
                temperature, schema::EnumNameTaskKind(c.task()));
  }
  return Status::kOk;
}

/// False for what this version does not know.
bool ReadMixing(schema::MixingKind stored, MixingKind* kind) {
  switch (stored) {
    case schema::MixingKind_LINEAR:
      *kind = MixingKind::kLinear;
      return true;
    case schema::MixingKind_FOURIER:
      *kind = MixingKind::kFourier;
      return true;
    case schema::MixingKind_HARTLEY:
      *kind = MixingKind::kHartley;
      return true;
    case schema::MixingKind_CIRCULANT:
      *kind = MixingKind::kCirculant;
      return true;
    case schema::MixingKind_TOEPLITZ:
      *kind = MixingKind::kToeplitz;
      return true;
    case schema::MixingKind_ATTENTION:
      *kind = MixingKind::kAttention;
      return true;
    default:
      return false;
  }
}

Status CheckLayers(const schema::Config& c, const Log& log, ModelConfig* config) {
  SMX_TRY(config->layers.Allocate(c.layers()->size()));
  bool any_experts = false;
  for (uint32_t i = 0; i < c.layers()->size(); ++i) {
    const schema::Layer& layer = *c.layers()->Get(i);
    MixingKind mixing = {};
    if (!ReadMixing(layer.mixing(), &mixing)) {
      return NotBuilt(log, "mixing", schema::EnumNameMixingKind(layer.mixing()), layer.mixing());
    }
    if (layer.feed_forward() > schema::FeedForwardKind_EXPERTS) {
      return NotBuilt(log, "feed_forward", schema::EnumNameFeedForwardKind(layer.feed_forward()), layer.feed_forward());
    }
    if (mixing != MixingKind::kLinear && mixing != MixingKind::kAttention && c.max_seq_len() > kMaxImpliedLength) {
      return Fail(log, Status::kInvalidModel, "config: max_seq_len %u with mixing %s, must be 1..%u", c.max_seq_len(),
                  schema::EnumNameMixingKind(layer.mixing()), kMaxImpliedLength);
    }
    const bool experts = layer.feed_forward() == schema::FeedForwardKind_EXPERTS;
    config->layers[i] = {mixing, experts ? FeedForwardKind::kExperts : FeedForwardKind::kDense};
    any_experts |= experts;
  }
  if (any_experts == (c.experts() != nullptr)) return Status::kOk;
  return Fail(log, Status::kInvalidModel, "config: the table of experts is %s, but %s layer has experts",
              any_experts ? "missing" : "there", any_experts ? "a" : "no");
}

Status CheckRouting(const schema::Experts& e, const Log& log, MoeConfig* moe) {
  if (e.routing() > schema::RoutingKind_TOKENS_CHOOSE) {
    return NotBuilt(log, "routing", schema::EnumNameRoutingKind(e.routing()), e.routing());
  }
  const Bound bounds[] = {{"num_selected_experts", e.num_selected_experts(), e.num_experts()}};
  SMX_TRY(CheckBounds(bounds, log));
  moe->tokens_choose = e.routing() == schema::RoutingKind_TOKENS_CHOOSE;
  moe->num_selected_experts = e.num_selected_experts();
  moe->batch_prioritized_routing = e.batch_prioritized_routing();
  moe->reference_group_order = e.reference_group_order();
  if (moe->tokens_choose || (moe->num_selected_experts == 1 && !moe->batch_prioritized_routing)) return Status::kOk;
  return Fail(
      log, Status::kInvalidModel,
      "config: num_selected_experts %zu, batch_prioritized_routing %d with routing EXPERTS_CHOOSE, must be 1, 0",
      moe->num_selected_experts, moe->batch_prioritized_routing ? 1 : 0);
}

Status CheckExperts(const schema::Experts& e, const Log& log, MoeConfig* moe) {
  if (e.router_type() > schema::RouterType_BFLOAT16) {
    return NotBuilt(log, "router_type", schema::EnumNameRouterType(e.router_type()), e.router_type());
  }
  const Bound bounds[] = {{"num_experts", e.num_experts(), kMaxExperts},
                          {"expert_d_ff", e.expert_d_ff(), kMaxWidth},
                          {"max_group_size", e.max_group_size(), UINT32_MAX}};
  SMX_TRY(CheckBounds(bounds, log));
  SMX_TRY(CheckRouting(e, log, moe));
  if (!(e.capacity_factor() >= 0.0 && e.capacity_factor() <= static_cast<double>(kMaxExperts))) {
    return Fail(log, Status::kInvalidModel, "config: capacity_factor %g, must be 0..%u", e.capacity_factor(),
                kMaxExperts);
  }
  moe->num_experts = e.num_experts();
  moe->expert_d_ff = e.expert_d_ff();
  moe->capacity_factor = e.capacity_factor();
  moe->min_expert_capacity = e.min_expert_capacity();
  moe->max_group_size = e.max_group_size();
  moe->bfloat16_router = e.router_type() == schema::RouterType_BFLOAT16;
  return Status::kOk;
}

}  // namespace

Status CheckConfig(const schema::Model& model, const Log& log, ModelConfig* config) {
  const schema::Config& c = *model.config();
  SMX_TRY(CheckSizes(c, log));
  SMX_TRY(CheckKinds(c, log));
  SMX_TRY(CheckTask(c.task(), log, &config->task));
  SMX_TRY(CheckHead(c, log));
  SMX_TRY(CheckTemperature(c, config->task, log));
  SMX_TRY(CheckLayers(c, log, config));
  if (c.experts() != nullptr) SMX_TRY(CheckExperts(*c.experts(), log, &config->moe));
  if (config->moe.reference_group_order && c.routing_group() == schema::RoutingGroup_SEQUENCE) {
    return Fail(log, Status::kInvalidModel,
                "config: reference_group_order with routing_group SEQUENCE, must be false: each text is one group");
  }
  const uint32_t num_labels = model.labels() == nullptr ? 0 : model.labels()->size();
  if (num_labels != 0 && num_labels != c.num_classes()) {
    return Fail(log, Status::kInvalidModel, "labels: %u of them for num_classes %u", num_labels, c.num_classes());
  }
  config->vocab_size = c.vocab_size();
  config->type_vocab_size = c.type_vocab_size();
  config->max_seq_len = c.max_seq_len();
  config->d_emb = c.d_emb();
  config->d_model = c.d_model();
  config->d_ff = c.d_ff();
  config->num_heads = c.num_heads();
  config->num_classes = c.num_classes();
  const bool is_of_tokens = config->task == Task::kTokenLabels;
  config->num_text_classes = is_of_tokens ? 0 : config->num_classes;
  config->num_token_logits = is_of_tokens                          ? config->num_classes
                             : config->task == Task::kMaskedTokens ? config->vocab_size
                                                                   : 0;
  config->pad_id = static_cast<int32_t>(c.pad_id());
  config->layer_norm_epsilon = c.layer_norm_epsilon();
  config->masked_padding = c.padding() == schema::Padding_MASKED;
  config->batch_routing_group = c.routing_group() == schema::RoutingGroup_BATCH;
  config->has_pooler = c.has_pooler();
  config->has_hidden_mapping = c.has_hidden_mapping();
  config->gelu_erf = c.activation() == schema::Activation_GELU_ERF;
  config->temperature = c.temperature();
  return Status::kOk;
}

}  // namespace smx
