#ifndef SMX_KERNELS_PRODUCT_PANELS_H_
#define SMX_KERNELS_PRODUCT_PANELS_H_

#include <cstddef>
#include <cstdint>

#include "base/mat.h"
#include "kernels/product.h"

namespace smx {

// int8 weights in the order in which processors with byte products read them. A panel has kPanelOutputs outputs; in it
// follow each other, for every kPanelInputs inputs, the values of these inputs for the first output, the second, ...
// All are stored plus 128, as these processors multiply unsigned by signed bytes, and 0 where there is no such output.
// The last group is of the last kPanelInputs inputs, so that no row is read behind its end, with 0 for those that are
// in the group before; or of all, where there are fewer. Behind the last panel lies the sum of each output's values,
// int32, for all outputs of all panels.

inline constexpr size_t kPanelOutputs = 32;
inline constexpr size_t kPanelInputs = 4;
inline constexpr int kPanelOffset = 128;

inline size_t NumPanels(size_t outputs) { return (outputs + kPanelOutputs - 1) / kPanelOutputs; }
inline size_t PanelBytes(size_t inputs) {
  return (inputs + kPanelInputs - 1) / kPanelInputs * kPanelInputs * kPanelOutputs;
}

/// What is fetched while rows are multiplied with a panel: for every kPanelInputs inputs, which have two lines,
/// kFetchesPerGroup lines, `stride` bytes apart.
struct Fetched {
  const uint8_t* from;
  size_t stride;
};
inline constexpr size_t kFetchesPerGroup = 2;

/// Where in a panel of `inputs` inputs the values of input k lie, in inputs.
inline size_t PanelPlace(size_t k, size_t inputs) {
  const size_t rest = inputs % kPanelInputs;
  return inputs < kPanelInputs || k < inputs - rest ? k : k + kPanelInputs - rest;
}

/// Of all panels and the sums.
inline size_t PanelsBytes(size_t inputs, size_t outputs) {
  return NumPanels(outputs) * (PanelBytes(inputs) + kPanelOutputs * sizeof(int32_t));
}

/// `weights` are kQc8w; `panels` has PanelsBytes, all 0, aligned for int32.
void PackPanels(const ProductWeights& weights, uint8_t* panels);

/// sums[r] = the sum of row r, which begins r * stride values behind x and has `cols` of them: what the two products
/// below need to undo the offset of a panel.
using SumRowsFn = void (*)(const int8_t* x, ptrdiff_t stride, size_t rows, size_t cols, int32_t* sums);

/// Rows of activations in the form of a product with panels: qd8, and the sum of each.
struct PanelInput {
  Mat<const int8_t> x;
  const RowQuantization* params;
  const int32_t* row_sums;
};

/// ProductQd8Fn for the outputs of `count` panels from `first` on, and with its bits, from weights as PackPanels leaves
/// them; of `weights` only sizes, scales and bias are read. Any bytes as panels are safe.
using ProductPanelsFn = void (*)(const PanelInput& in, const ProductWeights& weights, const uint8_t* panels,
                                 size_t first, size_t count, MatF out);

/// Of activations that are the panels themselves: with what undoes their quantization.
inline size_t ColumnPanelBytes(size_t inputs) {
  return PanelBytes(inputs) + kPanelOutputs * (sizeof(float) + sizeof(int32_t));
}

/// out [weights.outputs, cols] = the transpose of what quantizing and multiplying the transpose of x [weights.inputs,
/// cols] gives, with its bits; nothing is transposed. For the columns of `count` panels from `first` on. `weights` are
/// kQc8w with outputs first and without input scales, read where they lie; row_sums are theirs. room: ColumnPanelBytes
/// for each panel of x, aligned for float.
using ProductOfColumnsFn = void (*)(ConstMatF x, const ProductWeights& weights, const int32_t* row_sums, size_t first,
                                    size_t count, uint8_t* room, MatF out);

}  // namespace smx

#endif  // SMX_KERNELS_PRODUCT_PANELS_H_
