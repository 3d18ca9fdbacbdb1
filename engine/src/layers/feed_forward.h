#ifndef SMX_LAYERS_FEED_FORWARD_H_
#define SMX_LAYERS_FEED_FORWARD_H_

#include "backends/product.h"
#include "layers/context.h"

namespace smx {

/// Scratch of one feed-forward stage; all experts of a layer share one.
struct FeedForwardRoom {
  ProductInputRoom x, activation;
  BufferId intermediate;

  /// Buffers of the steps of FeedForward::Run, for `max_rows` rows or a tile of them.
  void Prepare(const FeedForwardWeights& weights, size_t max_rows, Plan* plan);
  /// Of FeedForward::RunGathered.
  void PrepareForGather(const FeedForwardWeights& weights, size_t max_rows, Plan* plan);

 private:
  void PrepareBehindInput(const FeedForwardWeights& weights, size_t rows, Plan* plan);
};

/// out = gelu(x W1 + b1) W2 + b2 with the model's gelu, dense or one expert, a tile of rows at a time, so that the wide
/// rows between the two products take little memory and stay in a cache. Source: FeedForwardLayer in
/// sparse_mixers/layers.py.
class FeedForward {
 public:
  Status Create(const FeedForwardWeights& weights, size_t max_rows, Backend* backend);
  /// x, out [any number of rows, d_model]. Observes "ff_activation" of `layer`.
  Status Run(const RunContext& run, const FeedForwardRoom& room, int layer, ConstMatF x, MatF out);
  /// The same for the rows `rows` of x, which is loaded for the weights' type, as many as `out` has. Observes nothing.
  Status RunGathered(const RunContext& run, const FeedForwardRoom& room, const ProductInput& x, const int32_t* rows,
                     MatF out);

  /// Multiply-adds of `rows` rows.
  uint64_t Macs(size_t rows) const { return 2 * uint64_t{rows} * d_model_ * d_ff_; }

  /// See Product.
  bool is_packed() const { return intermediate_.PackedBytes() != 0 && output_.PackedBytes() != 0; }
  size_t PackedBytes() const { return intermediate_.PackedBytes() + output_.PackedBytes(); }
  void ReleaseWeights() const;
  void PrefetchWeights() const;

 private:
  static constexpr int kNotObserved = -1;

  template <typename LoadRows>
  Status RunTiles(const RunContext& run, const FeedForwardRoom& room, int layer, const LoadRows& load, MatF out);
  Status RunTile(const RunContext& run, const FeedForwardRoom& room, int layer, const ProductInput& x, MatF out);

  size_t d_model_ = 0;
  size_t d_ff_ = 0;
  Product intermediate_, output_;
};

}  // namespace smx

#endif  // SMX_LAYERS_FEED_FORWARD_H_
