#ifndef SMX_LAYERS_TOKEN_HEAD_H_
#define SMX_LAYERS_TOKEN_HEAD_H_

#include "backends/product.h"
#include "layers/context.h"
#include "smx/encoder.h"

namespace smx {

/// For one row after the other. Masked tokens: logits = layer_norm(gelu(dense(row))) E^T + b with the word embedding E,
/// which may be int8; the rest is f32. Token labels: logits = row W^T + b in f32. Of a model of another task it is
/// nothing. Source: PreTrainingModel in sparse_mixers; BertForTokenClassification in transformers.
class TokenHead {
 public:
  void Prepare(const TokenHeadWeights& weights, const PrepareContext& context);
  Status Create(const PrepareContext& context, Backend* backend);

  /// x: the rows of the last block as far as positions ask for them.
  ///
  /// @retval kInvalidModel  a logit is no finite number; the caller says so.
  Status Run(const RunContext& run, ConstMatF x, const TokenLogits& wanted);

 private:
  /// What the last product reads of a row.
  Status Transform(const RunContext& run, ConstMatF row, ConstMatF* transformed);
  Status RunRow(const RunContext& run, ConstMatF row, MatF logits);

  const TokenHeadWeights* weights_ = nullptr;
  Product dense_, output_;
  ProductInputRoom output_room_;
  BufferId transformed_, logits_;
};

}  // namespace smx

#endif  // SMX_LAYERS_TOKEN_HEAD_H_
