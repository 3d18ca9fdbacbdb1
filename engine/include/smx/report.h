#ifndef SMX_REPORT_H_
#define SMX_REPORT_H_

#include <cstddef>
#include <cstdint>

namespace smx {

/// Where the memory of an Encoder is, and what one run costs.
struct Report {
  size_t arena_bytes;              ///< ArenaBytes(model, options).
  size_t arena_lower_bound_bytes;  ///< The most bytes alive at one step: no plan takes less.
  /// Weights copied into the order that the backend's kernels read, once for all Encoders of the model; grows when an
  /// Encoder with other Options needs more. 0 with kReference.
  size_t packed_bytes;
  size_t mapped_bytes;  ///< Of packed_bytes: mapped from the weights cache, see LoadOptions, and so no copy in memory.
  uint64_t macs;        ///< Multiply-adds of the products of the last run; 0 before the first. Where mixing matrices
                        ///< are packed, for a few lengths, a text takes those of the next one.
  uint64_t macs_dense;  ///< The same, had no row been skipped because nobody reads it.
  const char* backend;  ///< "reference", "xnnpack", or smx's own, "vnni" or "amx"; see BackendChoice.
};

/// Which of several ways a stage is computed by. Times are estimates for the longest text of the model, in float32 for
/// the FFT; with KissFFT not built in it is told all the same.
struct StageChoice {
  const char* way;  ///< "fft" or "product"; null where there was no choice. Texts live for ever.
  const char* why;
  double fft_us;
  double product_us;
};

/// A stage of a run, in order: what it costs and when. Rows, multiply-adds: of the last run, 0 before the first.
struct Step {
  const char* name;   ///< Such as "linear_mixing" or "experts"; lives for ever.
  int layer;          ///< -1 outside of the blocks.
  size_t first_step;  ///< Of the plan, see PlannedBuffer.
  size_t last_step;
  size_t rows;          ///< That were computed; of experts: pairs of an expert and a token.
  size_t rows_present;  ///< That there were.
  uint64_t macs;        ///< Multiply-adds that were executed,
  uint64_t macs_dense;  ///< and would have been with Options::skip_dead_rows off.
  StageChoice choice;
};

/// A piece of the arena, for people who look at the plan. Buffers whose steps do not overlap may share bytes.
struct PlannedBuffer {
  const char* name;  ///< What it holds, such as "mixing_output"; lives for ever.
  int layer;         ///< -1 outside of the blocks.
  size_t offset_bytes;
  size_t bytes;
  size_t first_step;  ///< The step of the run that writes it first,
  size_t last_step;   ///< and the last one that reads it.
};

}  // namespace smx

#endif  // SMX_REPORT_H_
