#ifndef SMX_TESTS_SUPPORT_SESSION_H_
#define SMX_TESTS_SUPPORT_SESSION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine.h"
#include "smx/encoder.h"
#include "support/random_model.h"

namespace smx::tests {

/// What a run gave, to be compared bit by bit.
struct Answer {
  std::vector<float> hidden, mean;         // empty when not asked for
  std::vector<float> pooled, logits, cls;  // empty where the model has none
  std::vector<float> token_logits;         // of the first token; the same
};

bool SameBits(const std::vector<float>& a, const std::vector<float>& b);

/// pooled, logits, token_logits and cls, and hidden and mean where both have them.
bool SameBits(const Answer& a, const Answer& b);

/// What the arena holds before Create and between runs: nobody may read it.
enum class ArenaFill { kZeros, kOnes, kSignallingNan, kRandom };

void FillArena(ArenaFill fill, Span<uint8_t> bytes);

/// An Encoder and its arena, which begins `shift` bytes behind a multiple of 64. Fails the test when the engine
/// refuses.
class Session {
 public:
  explicit Session(const Model& model, const Options& options = {}, size_t shift = 0);
  /// In an arena of the test's.
  Session(const Model& model, const Options& options, Span<uint8_t> arena);

  Answer Run(const TokenInput& input, bool wants_hidden = true);

  Encoder& encoder() { return *encoder_; }
  Span<uint8_t> arena() const { return arena_; }

 private:
  void Create(const Options& options);

  const Model& model_;
  std::unique_ptr<tools::AlignedBytes> memory_;
  Span<uint8_t> arena_;
  std::unique_ptr<Encoder> encoder_;
};

/// Appends the logits of `positions` to `kept`; for EncoderOutput::tokens.
TokenLogits KeepLogits(Span<const uint32_t> positions, std::vector<float>* kept);

/// Encoder::ArenaBytes; fails the test when there is none.
size_t ArenaBytesOf(const Model& model, const Options& options = {});

}  // namespace smx::tests

#endif  // SMX_TESTS_SUPPORT_SESSION_H_
