#ifndef SMX_TESTS_SUPPORT_LIVENESS_H_
#define SMX_TESTS_SUPPORT_LIVENESS_H_

#include <cstddef>
#include <set>
#include <vector>

#include "model_config.h"
#include "support/random_model.h"

namespace smx::tests {

using Rows = std::set<size_t>;

/// Rows that a block must read and write. Stated with sets, row by row, from the maths of the model alone; the engine
/// counts in other ways.
struct BlockNeeds {
  Rows input;         ///< of the block's input: residual, and whatever mixing reads
  Rows keys, values;  ///< attention: tokens that are looked at
  Rows mixed;         ///< after the first layer norm: the feed-forward's input and residual, and what a router compares
  Rows output;        ///< after the second layer norm
};

struct RunNeeds {
  std::vector<BlockNeeds> blocks;
  Rows embedding;  ///< the input of the first block
};

/// kExact: a set of rows as it is. kPrefix: all rows from the first on up to the last of the set, as an engine needs
/// them that computes the first so many rows of each stage; more only where a pad stands between real tokens.
enum class Rounding { kExact, kPrefix };

/// What must be computed of `input` so that the rows `wanted` of the last block are right.
RunNeeds NeedsOf(const tools::ModelConfig& config, const TokenInput& input, const Rows& wanted,
                 Rounding rounding = Rounding::kExact);

/// Row 0 of each text, which is all that the pooler reads.
Rows PooledRows(const TokenInput& input);

/// One past the last real token of text `text`, from the start of the text; at least 1, the row that the pooler reads.
size_t RealLength(const tools::ModelConfig& config, const TokenInput& input, size_t text);

}  // namespace smx::tests

#endif  // SMX_TESTS_SUPPORT_LIVENESS_H_
