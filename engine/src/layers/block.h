#ifndef SMX_LAYERS_BLOCK_H_
#define SMX_LAYERS_BLOCK_H_

#include <memory>

#include "layers/context.h"
#include "layers/feed_forward.h"
#include "layers/liveness.h"
#include "layers/mixing.h"
#include "layers/moe.h"

namespace smx {

/// One block, post norm: m = norm(x + mix(x)), then norm(m + feed_forward(m)) or norm(m + experts(m)), in place.
/// Source: EncoderBlock in sparse_mixers/layers.py.
class Block {
 public:
  Status Prepare(const BlockWeights& weights, size_t layer, const PrepareContext& context);
  Status Create(const PrepareContext& context, Backend* backend);
  /// x [run.rows(), d_model]; only the first rows, as many as `rows` says, are read and written.
  Status Run(const RunContext& run, const LiveRows& rows, MatF x);

 private:
  Status RunFeedForward(const RunContext& run, ConstMatF x, MatF out);

  const BlockWeights* weights_ = nullptr;
  int layer_ = 0;
  bool has_experts_ = false;
  Mixing mixing_;
  FeedForward feed_forward_;
  FeedForwardRoom feed_forward_room_;
  Moe moe_;
  BufferId mixing_output_, ff_output_;
};

}  // namespace smx

#endif  // SMX_LAYERS_BLOCK_H_
