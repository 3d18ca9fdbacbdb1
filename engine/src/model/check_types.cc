#include <algorithm>
#include <iterator>

#include "base/log.h"
#include "model/check.h"

namespace smx {
namespace {

/// Products that read the same activations must want them in the same form.
Status CheckSameType(const ProductWeights& a, const ProductWeights& b, size_t layer, const char* what, const Log& log) {
  if (a.type == b.type) return Status::kOk;
  return Fail(log, Status::kInvalidModel, "layer %zu: the kernels of its %s differ in type", layer, what);
}

}  // namespace

Status CheckTypes(const ModelConfig& c, const ModelWeights& weights, const Log& log) {
  for (size_t i = 0; i < c.layers.size(); ++i) {
    const BlockWeights& block = weights.blocks[i];
    SMX_TRY(CheckSameType(block.attention.query, block.attention.key, i, "query and key", log));
    SMX_TRY(CheckSameType(block.attention.query, block.attention.value, i, "query and value", log));
    for (const FeedForwardWeights& expert : block.moe.experts) {
      const FeedForwardWeights& first = block.moe.experts[0];
      SMX_TRY(CheckSameType(first.intermediate, expert.intermediate, i, "experts", log));
      SMX_TRY(CheckSameType(first.output, expert.output, i, "experts", log));
    }
  }
  const HeadWeights& head = weights.head;
  // The last kernel of masked tokens is the word embedding, of any type.
  const WeightType of_labels = c.task == Task::kTokenLabels ? weights.token_head.output.type : WeightType::kF32;
  const WeightType types[] = {head.pooler.type, head.classification.type, weights.token_head.dense.type, of_labels};
  if (std::all_of(std::begin(types), std::end(types), [](WeightType type) { return type == WeightType::kF32; })) {
    return Status::kOk;
  }
  return Fail(log, Status::kUnsupported, "pooler and head: must be of type F32 in this version");
}

}  // namespace smx
