#ifndef SMX_LAYERS_MIXING_WAY_H_
#define SMX_LAYERS_MIXING_WAY_H_

#include "layers/context.h"

namespace smx {

/// What the longest text of the model takes by each way.
struct MixingCost {
  double fft_us;
  uint64_t product_macs;
  uint64_t made_values;  // of matrices
  double f32_mac_ns;     // by the order of the kernel
};

MixingCost FourierCost(size_t max_seq_len, size_t d_model, bool is_hartley);
MixingCost ToeplitzCost(size_t max_seq_len, size_t d_model, bool is_circulant);

/// The way that Options::mixing_way asks for, or what the planner takes, and why. A shorter Options::max_tokens changes
/// no choice and no bit.
///
/// @retval kUnsupported     the options ask for the FFT, which is not built in,
/// @retval kBackendFailure  or wrong on this machine.
/// @retval kOutOfMemory
Status ChooseMixingWay(const MixingCost& cost, WeightType type, const PrepareContext& context, StageChoice* choice);

bool IsByFft(const StageChoice& choice);

}  // namespace smx

#endif  // SMX_LAYERS_MIXING_WAY_H_
