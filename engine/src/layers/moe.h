#ifndef SMX_LAYERS_MOE_H_
#define SMX_LAYERS_MOE_H_

#include "backends/product.h"
#include "base/fixed_array.h"
#include "layers/context.h"
#include "layers/feed_forward.h"

namespace smx {

/// Mixture of experts with experts-choose routing: per routing group (a text, or the whole batch), each expert takes
/// the tokens that want it most, up to its capacity; a token's output is the sum over its experts of probability x
/// expert(token), 0 when none took it. Source: MoeLayer in sparse_mixers/layers.py.
class Moe {
 public:
  void Prepare(const MoeWeights& weights, const PrepareContext& context);
  Status Create(const PrepareContext& context, Backend* backend);
  /// x: all rows of the routing group; out: the first of them, those that somebody reads.
  Status Run(const RunContext& run, int layer, ConstMatF x, MatF out);

 private:
  struct Group;  // pieces of the arena that a routing group is computed in

  void RunRouter(const RunContext& run, const Group& group, ConstMatF x);
  Result<size_t> RunExperts(const RunContext& run, const Group& group, ConstMatF x, MatF out);
  Result<size_t> RunExpert(const RunContext& run, const Group& group, size_t expert, ConstMatF x, MatF out);

  const MoeWeights* weights_ = nullptr;
  FixedArray<FeedForward> experts_;
  FeedForwardRoom room_;
  BufferId router_logits_, router_probs_, order_, dispatch_indices_, combine_weights_, gathered_, computed_;
};

}  // namespace smx

#endif  // SMX_LAYERS_MOE_H_
