#ifndef SMX_LAYERS_FEED_FORWARD_H_
#define SMX_LAYERS_FEED_FORWARD_H_

#include "backends/product.h"
#include "layers/context.h"

namespace smx {

/// Scratch of one feed-forward stage; all experts of a layer share one.
struct FeedForwardRoom {
  ProductInputRoom x, activation;
  BufferId intermediate;

  /// Buffers of the steps of FeedForward::Run for `max_rows` rows.
  void Prepare(const FeedForwardWeights& weights, size_t max_rows, Plan* plan);
};

/// out = gelu(x W1 + b1) W2 + b2, dense or one expert. Source: FeedForwardLayer in sparse_mixers/layers.py.
class FeedForward {
 public:
  Status Create(const FeedForwardWeights& weights, size_t max_rows, Backend* backend);
  Status Run(const RunContext& run, const FeedForwardRoom& room, ConstMatF x, MatF out);

 private:
  size_t d_ff_ = 0;
  Product intermediate_, output_;
};

}  // namespace smx

#endif  // SMX_LAYERS_FEED_FORWARD_H_
