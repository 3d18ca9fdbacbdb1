#ifndef SMX_LAYERS_MOE_H_
#define SMX_LAYERS_MOE_H_

#include "backends/product.h"
#include "base/fixed_array.h"
#include "layers/context.h"
#include "layers/feed_forward.h"

namespace smx {

/// Mixture of experts. Per routing group (a text, or a part of the batch) the router fills a queue of tokens for each
/// expert, up to its capacity: experts choose tokens or tokens choose experts, see router.h. A token's output is the
/// sum over the queues that it is in of probability x expert(token), 0 when it is in none. Source: MoeLayer in
/// sparse_mixers/layers.py.
class Moe {
 public:
  void Prepare(const MoeWeights& weights, const PrepareContext& context);
  Status Create(const PrepareContext& context, Backend* backend);
  /// x: all rows of the routing groups; out: the first of them, those that somebody reads.
  Status Run(const RunContext& run, int layer, ConstMatF x, MatF out);

 private:
  struct Pass;  // one run: its rows, and the pieces of the arena

  void RunRouter(const Pass& pass);
  void ObserveRouter(const Pass& pass, int layer) const;
  Status RunExperts(Pass* pass);
  Status RunQueue(size_t queue, FeedForward* expert, Pass* pass);
  Status KeepWithinBudget(Backend* backend);
  size_t ExpertOf(size_t queue, const Pass& pass) const;

  const MoeWeights* weights_ = nullptr;
  FixedArray<FeedForward> experts_;
  size_t num_kept_ = 0;  // experts from 0 on whose weights stay in memory; the others are read again for each run
  ProductInputRoom x_room_;
  FeedForwardRoom room_;
  BufferId router_logits_, router_probs_, scratch_, choices_, queue_tokens_, queue_weights_, computed_;
};

}  // namespace smx

#endif  // SMX_LAYERS_MOE_H_
