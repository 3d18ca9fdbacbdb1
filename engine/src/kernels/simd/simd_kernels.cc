#include "kernels/simd/simd_kernels.h"

#include <iterator>

#include "base/cpu_features.h"

// The instruction sets that pay, of those that Highway knows: its own dispatch, and so its library, is not needed to
// choose among three. AVX-512 is taken where it has byte products, from Ice Lake and Zen 4 on: older ones run AVX2's.
// NOLINTBEGIN(readability-identifier-naming): Highway's names
#define HWY_DISABLED_TARGETS                                                                                        \
  (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3 | HWY_AVX3_ZEN4 | HWY_AVX3_SPR | HWY_NEON | HWY_NEON_BF16 | HWY_SVE | HWY_SVE2 | \
   HWY_SVE_256 | HWY_SVE2_128)
#define HWY_WANT_AVX3_DL
// Not needed, and so not asked of a processor.
#define HWY_DISABLE_F16C
#define HWY_DISABLE_PCLMUL_AES
// Its assertions would need its library.
#define HWY_IS_DEBUG_BUILD 0

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/simd_kernels.cc"
// NOLINTEND(readability-identifier-naming)
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/simd/activations-inl.h"
#include "kernels/simd/attention-inl.h"
#include "kernels/simd/attention_qs16-inl.h"
#include "kernels/simd/fourier-inl.h"
#include "kernels/simd/product-inl.h"
#include "kernels/simd/product_panels-inl.h"
#include "kernels/simd/router-inl.h"

HWY_BEFORE_NAMESPACE();
namespace smx {
namespace HWY_NAMESPACE {

void Overwrite(KernelTable* table) {
  table->quantize_rows = QuantizeRows;
  table->product_f32 = ProductF32;
  table->product_qd8_f32_qc8w = ProductQd8;
  table->scale_channels = ScaleChannels;
  table->add_layer_norm = AddLayerNorm;
  table->gelu = Gelu;
  table->gelu_erf = GeluErf;
  table->softmax = Softmax;
  table->transpose = Transpose<float>;
  table->scatter_add_rows = ScatterAddRows;
  table->attention_head = AttentionHead;
  table->attention_head_qs16 = AttentionHeadQs16;
  table->fold = Fold;
  table->fold_columns = FoldColumns;
  table->unfold = Unfold;
  table->router_f32 = RouterF32;
#if HWY_HAVE_FLOAT64
  table->router_bf16 = RouterBf16;
#endif
#if HWY_TARGET == HWY_AVX3_DL
  table->sum_rows = SumRows;
  table->product_panels = ProductPanels;
  table->product_of_columns = ProductOfColumns;
#endif
}

#if HWY_TARGET == HWY_AVX3_DL
void OverwriteWithTiles(KernelTable* table) {
  Overwrite(table);
  table->product_panels = ProductPanelsWithTiles;
  table->product_of_columns = ProductOfColumnsWithTiles;
}
#endif

}  // namespace HWY_NAMESPACE
}  // namespace smx
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace smx {
namespace {

#if defined(__x86_64__)
constexpr SimdKernels kKernels[] = {{"amx-int8", N_AVX3_DL::OverwriteWithTiles},
                                    {"avx512vnni", N_AVX3_DL::Overwrite},
                                    {"avx2", N_AVX2::Overwrite},
                                    {"sse2", N_SSE2::Overwrite}};

size_t FirstUsable() {
  if (HasAvx512Vnni()) return HasAmxInt8() ? 0 : 1;
  return HasAvx2() ? 2 : 3;
}
#else
constexpr SimdKernels kKernels[] = {{"neon", N_NEON_WITHOUT_AES::Overwrite}};

size_t FirstUsable() { return 0; }
#endif

}  // namespace

Span<const SimdKernels> UsableSimdKernels() {
  const size_t first = FirstUsable();
  return {kKernels + first, std::size(kKernels) - first};
}

}  // namespace smx
#endif
