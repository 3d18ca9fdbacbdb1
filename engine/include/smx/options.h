#ifndef SMX_OPTIONS_H_
#define SMX_OPTIONS_H_

#include <cstddef>
#include <cstdint>

#include "smx/platform.h"
#include "smx/span.h"

namespace smx {

/// Sees what a layer computed: f32, row-major, valid during the call only.
///   name       as in the golden files: "embedding_output", "mixing_output", "mixing_norm", "router_logits",
///              "router_probs", "combine_weights", "dispatch_indices", "ff_output", "output", "pooled_output",
///              "logits"; and "ff_activation", after the gelu of a dense feed-forward stage
///   layer      0 .. num_layers - 1; -1 outside of the blocks
///   shape      [batch, rows that are computed, d_model], see Options::skip_dead_rows;
///              ff_activation: [1, rows, d_ff], some rows at a time, in order;
///              router_*: [groups, tokens_per_group, num_experts];
///              combine_weights: [groups, num_experts, expert_capacity];
///              dispatch_indices, where tokens choose: [groups, tokens_per_group, num_selected_experts, 2]
///   values     as many as the shape says; null for dispatch_indices
///   indices    combine_weights: the token of its group that each place of an expert holds, -1 for none;
///              dispatch_indices: a token's expert, and its place in the queue there, refused from expert_capacity on;
///              else null
struct Observation {
  const char* name;
  int layer;
  Span<const size_t> shape;
  const float* values;
  const int32_t* indices;
};

/// For calibration, tests and `smx run --layers`; costs nothing when null.
struct Observer {
  void (*hook)(void* context, const Observation& observation) = nullptr;
  void* context = nullptr;
};

/// Which kernels compute the products. kReference is the definition of right, slow, and always there.
enum class BackendChoice : uint8_t {
  kBest,  ///< The fastest that there are: smx's own for int8 on Ice Lake, Zen 4 and later, else kXnnpack.
  kReference,
  kXnnpack,  ///< XNNPACK's for int8 where it is built in; else kReference.
};

/// How a mixing is computed that has a way by FFT: Fourier, Hartley, circulant, Toeplitz. Both ways agree within
/// rounding; int8 products round more.
enum class MixingWay : uint8_t {
  /// int8 weights: kProduct, so that answers have the same bits on every machine. Else what is estimated to take less
  /// time for the model's max_seq_len and d_model; kProduct where there is no FFT. Step::choice tells.
  kAuto,
  kFft,      ///< KissFFT, in float32 with int8 weights, too. kUnsupported where it is not built in.
  kProduct,  ///< With matrices.
};

struct Options {
  /// 1 .. 64, for one text at a time; answers do not depend on it. Attention takes scratch in the arena for each. For
  /// many texts an Encoder of its own on each thread is faster.
  size_t num_threads = 1;
  /// Texts encoded together; more than 1 only for models with batch_routing_group, where texts share a routing group.
  size_t batch_size = 1;
  /// Longest input in tokens; 0 is the model's max_seq_len. Less usually plans a smaller arena. Models with the
  /// reference's padding and a mixing that has a kernel for the sequence know only max_seq_len.
  size_t max_tokens = 0;
  /// Rows that nobody reads are not computed, such as all but the first in the last layer of a classifier. False
  /// computes every row that is there, to see all of them or to prove that nobody reads the others: logits and pooled
  /// vectors have the same bits. Batches of more than one text always compute all.
  bool skip_dead_rows = true;
  BackendChoice backend = BackendChoice::kBest;
  MixingWay mixing_way = MixingWay::kAuto;
  Observer observer;
  Log log;
};

}  // namespace smx

#endif  // SMX_OPTIONS_H_
