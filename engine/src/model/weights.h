#ifndef SMX_MODEL_WEIGHTS_H_
#define SMX_MODEL_WEIGHTS_H_

#include <cstddef>
#include <cstdint>

#include "base/fixed_array.h"
#include "kernels/product.h"

namespace smx {

// Views into the mapped file, one struct per stage, members named as in the checkpoint.

struct LayerNormWeights {
  const float* scale = nullptr;  // [d]
  const float* bias = nullptr;   // [d]
};

/// Rows of the word table, [vocab_size, d_emb]: f32, or int8 with a scale each.
struct WordEmbeddingWeights {
  WeightType type = WeightType::kF32;
  const void* rows = nullptr;
  const float* scales = nullptr;  // [vocab_size], qc8w only
};

struct EmbeddingWeights {
  WordEmbeddingWeights word;
  const float* position = nullptr;  // [max_seq_len, d_emb]
  const float* type = nullptr;      // [type_vocab_size, d_emb]
  LayerNormWeights layer_norm;
  ProductWeights hidden_mapping_in;  // d_emb -> d_model; empty without
};

/// Y = S X H with S of input_kernel and H of hidden_kernel; of circulant and Toeplitz mixing, too, whose matrices are
/// views of their vectors.
struct LinearMixingWeights {
  ProductWeights hidden_kernel;  // [d_model, d_model]
  ProductWeights input_kernel;   // [max_seq_len, max_seq_len], output channels on axis 0
};

/// Fourier and Hartley mixing have nothing to learn.
struct FourierMixingWeights {
  WeightType type = WeightType::kF32;  // of the matrices that are made, that of the model's products
};

struct AttentionWeights {
  ProductWeights query;
  ProductWeights key;
  ProductWeights value;
  ProductWeights out;
};

/// A dense feed-forward stage, or one expert.
struct FeedForwardWeights {
  ProductWeights intermediate;
  ProductWeights output;
};

struct MoeWeights {
  const float* router_kernel = nullptr;  // [d_model, num_experts]
  const float* router_bias = nullptr;    // [num_experts]
  FixedArray<FeedForwardWeights> experts;
};

/// Of the stages that the layer's LayerConfig names, the others stay empty.
struct BlockWeights {
  LinearMixingWeights linear;
  FourierMixingWeights fourier;
  AttentionWeights attention;
  LayerNormWeights mixing_layer_norm;
  FeedForwardWeights feed_forward;
  MoeWeights moe;
  LayerNormWeights output_layer_norm;
};

/// Of a model of masked tokens or of token labels; the latter has the last product only.
struct TokenHeadWeights {
  ProductWeights dense;  // d_model -> d_emb
  LayerNormWeights layer_norm;
  ProductWeights output;  // d_emb -> vocab_size: the word embedding, and a bias; or d_model -> num_classes
};

/// Empty as far as the model has none.
struct HeadWeights {
  ProductWeights pooler;          // d_model -> d_model
  ProductWeights classification;  // [num_classes, d_model], output channels on axis 0
};

struct ModelWeights {
  EmbeddingWeights embedding;
  FixedArray<BlockWeights> blocks;
  HeadWeights head;
  TokenHeadWeights token_head;
  WeightType product_type = WeightType::kF32;  // kQc8w when a dense product is
};

}  // namespace smx

#endif  // SMX_MODEL_WEIGHTS_H_
