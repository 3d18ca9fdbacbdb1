#ifndef SMX_MODEL_CONFIG_H_
#define SMX_MODEL_CONFIG_H_

#include <cstddef>
#include <cstdint>

#include "base/fixed_array.h"
#include "smx/model.h"

namespace smx {

// What a checked model file asks for, in plain types: the layers never see FlatBuffers. Only what this version builds
// is listed; the loader refuses the rest of the schema by name.

enum class MixingKind : uint8_t { kLinear, kFourier, kHartley, kCirculant, kToeplitz, kAttention };
enum class FeedForwardKind : uint8_t { kDense, kExperts };

struct LayerConfig {
  MixingKind mixing;
  FeedForwardKind feed_forward;
};

/// Shared by all layers with experts; num_experts is 0 when there are none.
struct MoeConfig {
  bool tokens_choose = false;  // their experts; else experts choose their tokens
  size_t num_experts = 0;
  size_t expert_d_ff = 0;
  double capacity_factor = 0;
  size_t min_expert_capacity = 0;
  size_t max_group_size = 0;
  size_t num_selected_experts = 1;         // of each token, where tokens choose
  bool batch_prioritized_routing = false;  // the same: surest tokens first
  bool bfloat16_router = false;
  bool reference_group_order = false;  // see Moe::RunExperts
};

struct ModelConfig {
  size_t vocab_size = 0;
  size_t type_vocab_size = 0;
  size_t max_seq_len = 0;
  size_t d_emb = 0;
  size_t d_model = 0;
  size_t d_ff = 0;
  size_t num_heads = 0;
  size_t num_classes = 0;       // of a text, or of a token
  size_t num_text_classes = 0;  // on top of the pooler; 0: no such head
  size_t num_token_logits = 0;  // of each row that is asked for; 0: no such head
  int32_t pad_id = 0;
  float layer_norm_epsilon = 0;
  bool masked_padding = false;
  bool batch_routing_group = false;
  Task task = Task::kClassification;
  bool has_pooler = true;          // always where there are classes of a text
  bool has_hidden_mapping = true;  // else d_emb is d_model
  bool gelu_erf = false;           // the exact GELU instead of the tanh form
  double temperature = 1;
  FixedArray<LayerConfig> layers;
  MoeConfig moe;

  /// Whether a mixing has a kernel of max_seq_len, so that the reference's padding allows for no other length.
  bool HasSequenceKernel() const {
    for (const LayerConfig& layer : layers) {
      const bool is_learned = layer.mixing == MixingKind::kLinear || layer.mixing == MixingKind::kCirculant ||
                              layer.mixing == MixingKind::kToeplitz;
      if (is_learned) return true;
    }
    return false;
  }
};

}  // namespace smx

#endif  // SMX_MODEL_CONFIG_H_
