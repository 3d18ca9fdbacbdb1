#ifndef SMX_LAYERS_EMBEDDING_H_
#define SMX_LAYERS_EMBEDDING_H_

#include "backends/product.h"
#include "layers/context.h"

namespace smx {

/// x [rows, d_model] = layer_norm(word[id] + position[t] + type[type_id]) mapped from d_emb to d_model, for the first
/// rows, as many as x has. A model without that mapping, such as BERT, takes the rows as they are.
/// Source: EmbeddingLayer in sparse_mixers/layers.py.
class Embedding {
 public:
  void Prepare(const EmbeddingWeights& weights, const PrepareContext& context);
  Status Create(const PrepareContext& context, Backend* backend);

  /// Ids are in range. `type_ids` empty means all 0.
  Status Run(const RunContext& run, Span<const int32_t> token_ids, Span<const int32_t> type_ids, MatF x);

 private:
  void AddWord(int32_t id, size_t d_emb, float* row) const;

  const EmbeddingWeights* weights_ = nullptr;
  Product hidden_mapping_in_;
  BufferId sum_;
  ProductInputRoom input_;
};

}  // namespace smx

#endif  // SMX_LAYERS_EMBEDDING_H_
