#include "layers/mixing_way.h"

#include <cmath>
#include <string_view>

#include "backends/dft_sums.h"
#include "backends/fft_lengths.h"
#include "backends/kissfft/fft.h"
#include "base/cpu_features.h"
#include "base/log.h"
#include "smx/platform.h"

namespace smx {
namespace {

constexpr char kFft[] = "fft";
constexpr char kProduct[] = "product";

// Nanoseconds, fitted to `smx bench --mixers` on x86-64 (Emerald Rapids, by each instruction set's kernels; within 15 %
// on every shape, but for the rates of VNNI). The reference kernels and KissFFT are plain code, so their ratio, which
// decides, is much the same elsewhere. Per value of a transform and level: KissFFT with the loops around it;
constexpr double kFftNs = 0.94;
// per value: products with a chirp or a filter;
constexpr double kFilterNs = 4;
// per value of a matrix that is made in the run;
constexpr double kMadeMatrixNs = 1.1;
// per multiply-add: float32 where inputs are side by side, whose sums have an order.
constexpr double kF32OutputsFirstNs = 0.9;

struct Rates {
  double f32_inputs_first_ns;  // per multiply-add: float32 where outputs are side by side
  double row_ns;               // per value: folding and transposing around matrices
};

/// By the vectors that there are, if any.
Rates RatesOfProducts() {
  if (!SMX_WITH_HIGHWAY) return {0.12, 9};
  // Emerald Rapids alone has {0.028, 1.4}, Zen 4 takes up to a fifth less. By these the way that is taken costs at most
  // 10 % more than the other: on Zen 4 as measured, on Emerald Rapids as its own rates estimate.
  if (HasAvx512Vnni()) return {0.0255, 1.2};
  return HasAvx2() ? Rates{0.036, 2.2} : Rates{0.076, 2.1};
}
constexpr double kInt8Ns = 0.5;

/// The best int8 product on one thread, per multiply-add: the order of magnitude.
double AcceleratedInt8Ns() {
  struct Rate {
    std::string_view isa;
    double ns;
  };
  constexpr Rate kRates[] = {{"amx-int8", 0.002}, {"avx512vnni", 0.003}, {"avxvnni", 0.01},      {"avx512bw", 0.01},
                             {"avx2", 0.02},      {"neon-i8mm", 0.01},   {"neon-dotprod", 0.02}, {"neon", 0.1}};
  for (const Rate& rate : kRates) {
    if (rate.isa == IsaName()) return rate.ns;
  }
  return kInt8Ns;
}

double GoodTransformUs(size_t length) {
  const double n = static_cast<double>(length);
  return 1e-3 * kFftNs * n * (1 + std::log2(n));
}

double ConvolutionUs(size_t length) {
  return 2 * GoodTransformUs(length) + 1e-3 * kFilterNs * static_cast<double>(length);
}

double TransformUs(size_t length) {
  return IsFftLength(length) ? GoodTransformUs(length) : ConvolutionUs(ConvolutionLength(length));
}

double Pairs(size_t count) {
  const size_t pairs = (count + 1) / 2;
  return static_cast<double>(pairs);
}

double ProductUs(const MixingCost& cost, WeightType type, const PrepareContext& context) {
  const bool is_accelerated = SMX_WITH_XNNPACK && context.options.backend != BackendChoice::kReference;
  const double mac_ns = type == WeightType::kF32 ? cost.f32_mac_ns : is_accelerated ? AcceleratedInt8Ns() : kInt8Ns;
  const double matrix_ns = type == WeightType::kF32 ? kMadeMatrixNs : 0;  // int8 ones are made once
  const double values = static_cast<double>(context.config.max_seq_len) * static_cast<double>(context.config.d_model);
  return 1e-3 * (static_cast<double>(cost.product_macs) * mac_ns + values * RatesOfProducts().row_ns +
                 static_cast<double>(cost.made_values) * matrix_ns);
}

Status CheckFft(const PrepareContext& context) {
  bool is_right = false;
  // Compilers that do not optimize keep this function in a build without KissFFT, where nobody calls it.
  if constexpr (kHasFft) {
    SMX_ASSIGN_OR_RETURN(is_right, FftIsRight());
  }
  if (is_right) return Status::kOk;
  return Fail(context.options.log, Status::kBackendFailure, "kissfft: its transform is wrong on this machine (%s)",
              IsaName());
}

Status Decide(WeightType type, const PrepareContext& context, StageChoice* choice) {
  if (type != WeightType::kF32) {
    choice->why = "int8 products have the same bits on every machine";
  } else if (context.options.backend == BackendChoice::kReference) {
    choice->why = "reference kernels only";
  } else if (choice->product_us <= choice->fft_us) {
    choice->why = "less time by estimate";
  } else if (const Status checked = CheckFft(context); checked == Status::kOk) {
    choice->way = kFft;
    choice->why = "less time by estimate";
  } else if (checked == Status::kBackendFailure) {
    choice->why = "KissFFT is wrong on this machine";
  } else {
    return checked;
  }
  return Status::kOk;
}

}  // namespace

MixingCost FourierCost(size_t max_seq_len, size_t d_model, bool is_hartley) {
  const double us =
      Pairs(d_model) * TransformUs(max_seq_len) + static_cast<double>(EvenLength(max_seq_len)) * TransformUs(d_model);
  const uint64_t made_values = DftMatrixValues(max_seq_len) + DftMatrixValues(d_model);
  return {us, FourierMacs(max_seq_len, d_model, is_hartley), made_values, RatesOfProducts().f32_inputs_first_ns};
}

MixingCost ToeplitzCost(size_t max_seq_len, size_t d_model, bool is_circulant) {
  const double us = Pairs(d_model) * ConvolutionUs(ToeplitzLength(max_seq_len, is_circulant)) +
                    Pairs(max_seq_len) * ConvolutionUs(ToeplitzLength(d_model, is_circulant));
  const uint64_t macs = uint64_t{max_seq_len} * d_model * (max_seq_len + d_model);
  return {us, macs, /*made_values=*/0, kF32OutputsFirstNs};
}

Status ChooseMixingWay(const MixingCost& cost, WeightType type, const PrepareContext& context, StageChoice* choice) {
  *choice = {kProduct, "", cost.fft_us, ProductUs(cost, type, context)};
  const MixingWay wanted = context.options.mixing_way;
  if constexpr (!kHasFft) {
    choice->why = "KissFFT is not built in";
    if (wanted != MixingWay::kFft) return Status::kOk;
    return Fail(context.options.log, Status::kUnsupported, "options: mixing_way kFft, but KissFFT is not built in");
  } else {
    if (wanted == MixingWay::kAuto) return Decide(type, context, choice);
    choice->why = "as the options say";
    if (wanted == MixingWay::kProduct) return Status::kOk;
    choice->way = kFft;
    return CheckFft(context);
  }
}

bool IsByFft(const StageChoice& choice) { return choice.way == kFft; }

}  // namespace smx
