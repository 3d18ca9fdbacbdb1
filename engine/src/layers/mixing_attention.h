#ifndef SMX_LAYERS_MIXING_ATTENTION_H_
#define SMX_LAYERS_MIXING_ATTENTION_H_

#include "backends/product.h"
#include "layers/context.h"

namespace smx {

/// Multi-head self-attention per text; pads are masked as keys, and as queries average the values of all rows.
/// Source: MultiHeadDotProductAttention as AttentionLayer in sparse_mixers/layers.py uses it.
class MixingAttention {
 public:
  void Prepare(const AttentionWeights& weights, const PrepareContext& context, BufferId* out);
  Status Create(const PrepareContext& context, Backend* backend);
  /// Per text, the rows of x are the keys and the rows of `out`, the first of them, the queries.
  Status Run(const RunContext& run, ConstMatF x, MatF out);

 private:
  struct Rows;

  /// Of one thread.
  Checked ScratchFloats(size_t keys, size_t d_head) const;
  void RunHeads(const RunContext& run, size_t text, const Rows& rows);

  const AttentionWeights* weights_ = nullptr;
  bool is_int8_ = false;  // so are the products of activations
  Product query_, key_, value_, out_;
  ProductInputRoom x_room_, attended_room_;
  BufferId query_rows_, key_rows_, value_rows_, scratch_, attended_;
};

}  // namespace smx

#endif  // SMX_LAYERS_MIXING_ATTENTION_H_
