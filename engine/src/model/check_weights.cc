#include <algorithm>

#include "base/log.h"
#include "model/binder.h"
#include "model/check.h"

namespace smx {
namespace {

void BindEmbedding(const ModelConfig& c, Binder* bind, EmbeddingWeights* w) {
  bind->SetPrefix("encoder/embedder/");
  w->word = bind->WordEmbedding("word/embedding", c.vocab_size, c.d_emb);
  w->position = bind->Matrix("position/embedding", c.max_seq_len, c.d_emb);
  w->type = bind->Matrix("type/embedding", c.type_vocab_size, c.d_emb);
  w->layer_norm = bind->LayerNorm("layer_norm", c.d_emb);
  if (!c.has_hidden_mapping) return;
  w->hidden_mapping_in = bind->Product("hidden_mapping_in/kernel", "hidden_mapping_in/bias", c.d_emb, c.d_model);
}

void BindAttention(size_t d, Binder* bind, AttentionWeights* w) {
  w->query = bind->Product("query/kernel", "query/bias", d, d);
  w->key = bind->Product("key/kernel", "key/bias", d, d);
  w->value = bind->Product("value/kernel", "value/bias", d, d);
  w->out = bind->Product("out/kernel", "out/bias", d, d);
  // The three read the same rows; CheckTypes sees to it that they are of the same type.
  w->query.input_scales = bind->InputScales("input_scale", w->query);
  w->key.input_scales = w->value.input_scales = w->query.input_scales;
}

void BindMixing(const ModelConfig& c, size_t layer, Binder* bind, BlockWeights* w) {
  const size_t d = c.d_model;
  const size_t length = c.max_seq_len;
  switch (c.layers[layer].mixing) {
    case MixingKind::kLinear:
      bind->SetPrefix("encoder/linear_transform_%zu/", layer);
      w->linear.hidden_kernel = bind->Product("hidden_kernel", nullptr, d, d);
      w->linear.input_kernel = bind->Product("input_kernel", nullptr, length, length, /*outputs_first=*/true);
      return;
    case MixingKind::kFourier:
    case MixingKind::kHartley:
      return;
    case MixingKind::kCirculant:
      bind->SetPrefix("encoder/circulant_transform_%zu/", layer);
      w->linear = {bind->Toeplitz("hidden_kernel", d), bind->Toeplitz("input_kernel", length)};
      return;
    case MixingKind::kToeplitz:
      bind->SetPrefix("encoder/toeplitz_transform_%zu/", layer);
      w->linear = {bind->Toeplitz("hidden_kernel", d), bind->Toeplitz("input_kernel", length)};
      return;
    case MixingKind::kAttention:
      bind->SetPrefix("encoder/attention_%zu/self/", layer);
      return BindAttention(d, bind, &w->attention);
  }
}

void BindFeedForward(size_t d_model, size_t d_ff, Binder* bind, FeedForwardWeights* w) {
  w->intermediate = bind->Product("intermediate/kernel", "intermediate/bias", d_model, d_ff);
  w->output = bind->Product("output/kernel", "output/bias", d_ff, d_model);
}

Status BindExperts(const ModelConfig& c, size_t layer, Binder* bind, MoeWeights* w) {
  bind->SetPrefix("encoder/router_weights_%zu/DenseGeneral_0/", layer);
  w->router_kernel = bind->Matrix("kernel", c.d_model, c.moe.num_experts);
  w->router_bias = bind->Vector("bias", c.moe.num_experts);
  SMX_TRY(w->experts.Allocate(c.moe.num_experts));
  for (size_t e = 0; e < c.moe.num_experts; ++e) {
    bind->SetPrefix("encoder/expert_%zu/%zu/", layer, e);
    BindFeedForward(c.d_model, c.moe.expert_d_ff, bind, &w->experts[e]);
  }
  return bind->status();
}

Status BindBlock(const ModelConfig& c, size_t layer, Binder* bind, BlockWeights* w) {
  BindMixing(c, layer, bind, w);
  bind->SetPrefix("encoder/encoder_%zu/", layer);
  w->mixing_layer_norm = bind->LayerNorm("mixing_layer_norm", c.d_model);
  w->output_layer_norm = bind->LayerNorm("output_layer_norm", c.d_model);
  if (c.layers[layer].feed_forward == FeedForwardKind::kExperts) {
    return BindExperts(c, layer, bind, &w->moe);
  }
  bind->SetPrefix("encoder/feed_forward_%zu/", layer);
  BindFeedForward(c.d_model, c.d_ff, bind, &w->feed_forward);
  FeedForwardWeights* const stage = &w->feed_forward;
  stage->intermediate.input_scales = bind->InputScales("intermediate/input_scale", stage->intermediate);
  stage->output.input_scales = bind->InputScales("output/input_scale", stage->output);
  return bind->status();
}

void BindHead(const ModelConfig& c, Binder* bind, HeadWeights* w) {
  if (!c.has_pooler) return;
  bind->SetPrefix("encoder/");
  w->pooler = bind->Product("pooler/kernel", "pooler/bias", c.d_model, c.d_model);
  if (c.num_text_classes == 0) return;
  bind->SetPrefix("classification/");
  w->classification = bind->Product("output_kernel", "output_bias", c.d_model, c.num_classes, /*outputs_first=*/true);
}

void BindTokenLabels(const ModelConfig& c, Binder* bind, TokenHeadWeights* w) {
  bind->SetPrefix("token_labels/");
  w->output = bind->Product("output_kernel", "output_bias", c.d_model, c.num_classes, /*outputs_first=*/true);
}

/// The last kernel is the word embedding, which is bound already.
void BindMaskedTokens(const ModelConfig& c, const WordEmbeddingWeights& word, Binder* bind, TokenHeadWeights* w) {
  bind->SetPrefix("predictions_");
  w->dense = bind->Product("dense/kernel", "dense/bias", c.d_model, c.d_emb);
  w->layer_norm = bind->LayerNorm("layer_norm", c.d_emb);
  w->output.type = word.type;
  w->output.kernel = word.rows;
  w->output.scales = word.scales;
  w->output.inputs = w->output.stride = c.d_emb;
  w->output.outputs = c.vocab_size;
  w->output.outputs_first = true;
  w->output.bias = bind->Vector("output/output_bias", c.vocab_size);
}

/// int8 as soon as one product is: it must not be left to the reference kernels. CheckTypes knows the first of those
/// that are alike.
WeightType ProductType(const ModelWeights& weights) {
  const auto is_int8 = [](const ProductWeights& product) { return product.type != WeightType::kF32; };
  const auto has_int8 = [&](const FeedForwardWeights& w) { return is_int8(w.intermediate) || is_int8(w.output); };
  const auto block_has_int8 = [&](const BlockWeights& w) {
    return is_int8(w.linear.hidden_kernel) || is_int8(w.linear.input_kernel) || is_int8(w.attention.query) ||
           is_int8(w.attention.out) || has_int8(w.feed_forward) ||
           (w.moe.experts.size() != 0 && has_int8(w.moe.experts[0]));
  };
  const bool any = is_int8(weights.embedding.hidden_mapping_in) ||
                   std::any_of(weights.blocks.begin(), weights.blocks.end(), block_has_int8);
  return any ? WeightType::kQc8w : WeightType::kF32;
}

/// Names rise strictly: so each is there once, and the binary search above is right. They are short, because to compare
/// long ones that share their bytes could take for ever.
Status CheckNames(const schema::Model& model, const Log& log) {
  const auto& tensors = *model.tensors();
  for (uint32_t i = 0; i < tensors.size(); ++i) {
    if (tensors.Get(i)->name()->size() >= 2 * kMaxNameBytes) {
      return Fail(log, Status::kInvalidModel, "tensor %u: a name of %u bytes, must be below %zu", i,
                  tensors.Get(i)->name()->size(), 2 * kMaxNameBytes);
    }
    if (i > 0 && NameOf(*tensors.Get(i - 1)) >= NameOf(*tensors.Get(i))) {
      return Fail(log, Status::kInvalidModel, "tensor %.200s: not after the one before it in order of names",
                  tensors.Get(i)->name()->c_str());
    }
  }
  return Status::kOk;
}

}  // namespace

Status BindWeights(const VerifiedFile& file, const ModelConfig& config, const Log& log, ModelWeights* weights) {
  SMX_TRY(CheckNames(*file.model, log));
  Binder bind(file, log);
  SMX_TRY(bind.Init());
  BindEmbedding(config, &bind, &weights->embedding);
  SMX_TRY(weights->blocks.Allocate(config.layers.size()));
  for (size_t i = 0; i < config.layers.size(); ++i) {
    SMX_TRY(BindBlock(config, i, &bind, &weights->blocks[i]));
  }
  BindHead(config, &bind, &weights->head);
  if (config.task == Task::kTokenLabels) BindTokenLabels(config, &bind, &weights->token_head);
  if (config.task == Task::kMaskedTokens) {
    BindMaskedTokens(config, weights->embedding.word, &bind, &weights->token_head);
  }
  SMX_TRY(bind.status());
  SMX_TRY(CheckTypes(config, *weights, log));
  weights->product_type = ProductType(*weights);
  for (BlockWeights& block : weights->blocks) block.fourier.type = weights->product_type;
  const uint32_t num_tensors = file.model->tensors()->size();
  if (bind.num_bound() != num_tensors) {
    return Fail(log, Status::kInvalidModel, "tensors: the file has %u, the configuration asks for %u", num_tensors,
                bind.num_bound());
  }
  return CheckExtents(file, bind.extents(), log);
}

}  // namespace smx
