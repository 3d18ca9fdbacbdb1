#ifndef SMX_LAYERS_CONTEXT_H_
#define SMX_LAYERS_CONTEXT_H_

#include <cstddef>
#include <cstdint>

#include "backends/backend.h"
#include "layers/liveness.h"
#include "memory/arena.h"
#include "memory/plan.h"
#include "model/config.h"
#include "model/weights.h"
#include "smx/options.h"
#include "smx/report.h"
#include "smx/span.h"

namespace smx {

// Every stage has three calls. Prepare: what memory will be needed, and when; creates nothing. Create: the products.
// Run: computes; no heap. Prepare walks through the stages in the order in which Run does.

/// What Prepare and Create know.
struct PrepareContext {
  const ModelConfig& config;
  const Options& options;
  size_t batch_size;
  size_t max_tokens;  // per text
  Plan* plan;
  Span<const LiveRows> fewest_rows;  // per block: of the shortest text, when only row 0 of the last block is wanted

  size_t max_rows() const { return batch_size * max_tokens; }
};

/// Receives what each stage of a run computed, in the order of Plan::stages().
struct StageLog {
  Span<Step> steps;
  size_t num_ended = 0;
  uint64_t macs_before = 0;
};

/// What Run knows of one input. Rows of texts follow each other: row b * seq_len + t is token t of text b.
struct RunContext {
  const ModelConfig& config;
  const Arena& arena;
  Backend* backend;
  Observer observer;
  size_t batch_size;
  size_t seq_len;
  const unsigned char* is_real;  // [rows], 0 for pads; null when all are real
  StageLog* log;

  /// Rows that there are; a stage computes as many as its output has.
  size_t rows() const { return batch_size * seq_len; }

  /// A stage has computed `rows` of the `rows_present` rows; all of them would have cost `macs_dense`.
  void EndStage(size_t rows, size_t rows_present, uint64_t macs_dense) const {
    Step& step = log->steps[log->num_ended++];
    step.rows = rows;
    step.rows_present = rows_present;
    step.macs = backend->macs - log->macs_before;
    step.macs_dense = macs_dense;
    log->macs_before = backend->macs;
  }
};

inline void Observe(const RunContext& run, const char* name, int layer, Span<const size_t> shape, const float* values,
                    const int32_t* indices = nullptr) {
  if (run.observer.hook == nullptr) return;
  run.observer.hook(run.observer.context, Observation{name, layer, shape, values, indices});
}

/// For what has a row per token.
inline void ObserveRows(const RunContext& run, const char* name, int layer, ConstMatF rows) {
  const size_t shape[] = {run.batch_size, rows.rows / run.batch_size, rows.cols};
  Observe(run, name, layer, shape, rows.data);
}

}  // namespace smx

#endif  // SMX_LAYERS_CONTEXT_H_
