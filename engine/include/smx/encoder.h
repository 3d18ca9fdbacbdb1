#ifndef SMX_ENCODER_H_
#define SMX_ENCODER_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "smx/model.h"
#include "smx/options.h"
#include "smx/report.h"
#include "smx/span.h"
#include "smx/status.h"

namespace smx {

namespace internal {
class EncoderState;
}

/// What a model of Task::kMaskedTokens or kTokenLabels gives for some of its rows, one after the other.
struct TokenLogits {
  Span<const uint32_t> positions = {};  ///< Rows of the input, each below B * n.
  /// Sees the logits [num_token_logits] of positions[index], raw, during the call only. What it saw before Run fails is
  /// void.
  void (*hook)(void* context, size_t index, Span<const float> logits) = nullptr;
  void* context = nullptr;
};

/// What Run fills; an empty span is not wanted and not written.
struct EncoderOutput {
  Span<float> hidden;  ///< [B, n, d_model], after the last layer norm; 0 in dead rows: pads behind the last real token
  Span<float> pooled;  ///< [B, d_model]; none of a model without a pooler
  Span<float> logits;  ///< [B, num_text_classes], raw: neither temperature nor softmax; none of a model without a head
  Span<float> cls = {};   ///< [B, d_model], the first row of hidden, which is that of [CLS]
  Span<float> mean = {};  ///< [B, d_model], the mean of hidden over the real tokens; 0 of a text that has none
  TokenLogits tokens = {};
};

/// Encodes tokenised texts into hidden states, a pooled vector and logits.
///
///   embedding -> num_layers x { mix, add + norm, feed-forward or experts, add + norm } -> pooler -> head
///
/// Shapes, row-major: B = options.batch_size (1 unless the model routes over batches), L = max_seq_len.
///   token_ids  [B, n]  1 <= n <= L; each in [0, vocab_size); [CLS] first.
///   type_ids   [B, n]  each in [0, type_vocab_size); empty means all 0.
///
/// Padding `reference`: rows come as they are, padded at their end with pad_id, which attention masks and everything
/// else reads like any token; so a result depends on n. A model with a mixing that has a kernel for the sequence
/// (linear, circulant, Toeplitz) takes n = L only. Padding `masked`: all n tokens are real. Allocates nothing after
/// Create, neither here nor in a library. One call at a time per Encoder; many Encoders may share one Model.
///
/// Source: Sparse Mixers, arXiv:2205.12399; EncoderBlock of the reference, sparse_mixers/layers.py. Agreement with it:
/// tests/golden, bounds in tests/support/tolerance.h.
class Encoder {
 public:
  /// Bytes that Create needs for `options`, at any alignment; exact.
  ///
  /// @retval kInvalidArgument  an option outside of its range, or batch_size > 1 for a model that routes per text.
  /// @retval kUnsupported      the arena would not fit into the address space.
  static Result<size_t> ArenaBytes(const Model& model, const Options& options = {});

  /// Plans, creates the backend's operators and checks each kind of product that the model uses against the
  /// reference kernel. `arena` and `model` outlive the Encoder; two Encoders never share an arena.
  ///
  /// @retval kArenaTooSmall   arena.size() < ArenaBytes(model, options)
  /// @retval kBackendFailure  a library's product is wrong on this machine, or it refused to be created.
  /// @retval kOutOfMemory     and all of ArenaBytes.
  static Result<Encoder> Create(const Model& model, const Options& options, Span<uint8_t> arena);

  Encoder(Encoder&&) noexcept;
  Encoder& operator=(Encoder&&) noexcept;
  ~Encoder();

  /// @retval kInvalidArgument  a length breaks the rules above, or the model has no such output. Outputs are untouched
  /// on any error.
  /// @retval kOutOfRange       an id is negative or too large.
  Status Run(Span<const int32_t> token_ids, Span<const int32_t> type_ids, const EncoderOutput& output);

  Report report() const;

  /// The arena as it was planned, in order of the first step.
  Span<const PlannedBuffer> plan() const;

  /// The stages of a run, with what the last one computed.
  Span<const Step> steps() const;

 private:
  explicit Encoder(std::unique_ptr<internal::EncoderState> state);
  std::unique_ptr<internal::EncoderState> state_;
};

}  // namespace smx

#endif  // SMX_ENCODER_H_
