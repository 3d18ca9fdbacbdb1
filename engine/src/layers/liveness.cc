#include "layers/liveness.h"

#include <algorithm>

namespace smx {
namespace {

size_t RowsReadByMixing(MixingKind kind, const TextRows& text, size_t rows_made) {
  if (kind != MixingKind::kAttention || rows_made > text.first_pad) return text.all;
  return std::max(rows_made, text.real);
}

}  // namespace

void FindLiveRows(const ModelConfig& config, const TextRows& text, size_t wanted, Span<LiveRows> blocks) {
  size_t output = wanted;
  for (size_t i = blocks.size(); i-- > 0;) {
    const LayerConfig& layer = config.layers[i];
    const size_t mixing = layer.feed_forward == FeedForwardKind::kExperts ? text.all : output;
    const size_t input = RowsReadByMixing(layer.mixing, text, mixing);
    blocks[i] = {input, mixing, output};
    output = input;
  }
}

}  // namespace smx
