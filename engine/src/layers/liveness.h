#ifndef SMX_LAYERS_LIVENESS_H_
#define SMX_LAYERS_LIVENESS_H_

#include <cstddef>

#include "model/config.h"
#include "smx/span.h"

namespace smx {

/// The rows of one text; row t is token t, pads stand behind the real ones or anywhere.
struct TextRows {
  size_t all;        // that there are
  size_t real;       // up to the last one that is no pad
  size_t first_pad;  // the number of real ones before the first pad; `all` when there is none
};

/// How many rows, from row 0 on, the stages of a block compute. Nobody reads what lies behind.
struct LiveRows {
  size_t input = 0;   // of the block's input, read by the mixing
  size_t mixing = 0;  // of the mixing's output, read by the feed-forward stage
  size_t output = 0;  // of the block's output
};

/// Walks backwards from the `wanted` rows of the last block's output, 1 <= wanted <= text.all:
///
///   dense feed-forward  needs the rows that it makes
///   experts             need all rows: tokens compete for an expert's places, whoever chooses, pads too
///   any other mixing    needs all rows
///   attention           needs the rows that it makes and the real ones as keys; all of them when it makes the row of a
///                       pad, which as a query averages the values of all rows
///
/// So nothing is dead below a mixing or a router that reads everything. blocks.size() == config.layers.size().
void FindLiveRows(const ModelConfig& config, const TextRows& text, size_t wanted, Span<LiveRows> blocks);

}  // namespace smx

#endif  // SMX_LAYERS_LIVENESS_H_
