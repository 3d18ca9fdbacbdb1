#ifndef SMX_KERNELS_KERNEL_TABLE_H_
#define SMX_KERNELS_KERNEL_TABLE_H_

#include "kernels/activations.h"
#include "kernels/attention.h"
#include "kernels/fourier.h"
#include "kernels/product.h"
#include "kernels/product_panels.h"
#include "kernels/router.h"

namespace smx {

/// Which kernel computes what.
struct KernelTable {
  QuantizeRowsFn quantize_rows = QuantizeRows_f32_qd8__reference;
  ProductF32Fn product_f32 = Product_f32__reference;
  ProductQd8Fn product_qd8_f32_qc8w = Product_qd8_f32_qc8w__reference;
  // Only where the processor has products of bytes.
  SumRowsFn sum_rows = nullptr;
  ProductPanelsFn product_panels = nullptr;
  ProductOfColumnsFn product_of_columns = nullptr;
  ScaleChannelsFn scale_channels = ScaleChannels_f32__reference;
  AddLayerNormFn add_layer_norm = AddLayerNorm_f32__reference;
  GeluFn gelu = Gelu_f32__reference;
  GeluFn gelu_erf = GeluErf_f32__reference;
  SoftmaxFn softmax = Softmax_f32__reference;
  TransposeFn transpose = Transpose_f32__reference;
  ScatterAddRowsFn scatter_add_rows = ScatterAddRows_f32__reference;
  AttentionHeadFn attention_head = AttentionHead_f32__reference;
  AttentionHeadFn attention_head_qs16 = AttentionHead_f32_qs16__reference;
  FoldFn fold = Fold_f32__reference;
  FoldColumnsFn fold_columns = FoldColumns_f32__reference;
  UnfoldFn unfold = Unfold_f32__reference;
  RouterFn router_f32 = Router_f32__reference;
  RouterFn router_bf16 = Router_bf16__reference;
};

/// The reference kernels or, if `fast`, whatever is fastest on this processor and has their bits.
KernelTable MakeKernelTable(bool fast);

}  // namespace smx

#endif  // SMX_KERNELS_KERNEL_TABLE_H_
