#ifndef SMX_LAYERS_HEAD_H_
#define SMX_LAYERS_HEAD_H_

#include "backends/product.h"
#include "layers/context.h"

namespace smx {

/// pooled = tanh(dense(first row of each text)), logits = pooled W^T + b, as far as the model has them. Both stay f32.
/// Source: Pooler and ClassificationModel in sparse_mixers.
class Head {
 public:
  void Prepare(const HeadWeights& weights, const PrepareContext& context);
  Status Create(const PrepareContext& context, Backend* backend);

  /// x [rows, d_model]
  Status Run(const RunContext& run, ConstMatF x);

  /// Of the last run: [batch_size, d_model] and [batch_size, num_text_classes]; no rows where the model has no such
  /// stage.
  MatF Pooled(const RunContext& run) const;
  MatF Logits(const RunContext& run) const;

 private:
  Status RunPooler(const RunContext& run, ConstMatF x);
  Status RunClassification(const RunContext& run);

  const HeadWeights* weights_ = nullptr;
  Product pooler_, classification_;
  BufferId pooled_, logits_;
};

}  // namespace smx

#endif  // SMX_LAYERS_HEAD_H_
