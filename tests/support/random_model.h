#ifndef SMX_TESTS_SUPPORT_RANDOM_MODEL_H_
#define SMX_TESTS_SUPPORT_RANDOM_MODEL_H_

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "model_writer.h"
#include "smx/model.h"
#include "smx/options.h"

namespace smx::tests {

/// The same numbers from the same seed with every compiler and C++ library, which the standard's distributions are not.
class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}

  uint64_t Bits() { return engine_(); }
  size_t Between(size_t least, size_t most) { return least + static_cast<size_t>(Bits() % (most - least + 1)); }
  bool Percent(unsigned chance) { return Bits() % 100 < chance; }
  /// -magnitude .. magnitude
  float Uniform(float magnitude) { return (static_cast<float>(Bits() >> 40) * (1.0f / 8388608.0f) - 1.0f) * magnitude; }

 private:
  std::mt19937_64 engine_;
};

/// A small model of any shape that the engine takes and that routes each text alone: 1..6 layers, every kind of mixing
/// with attention in every layout, experts in every layout or none, chosen by tokens or choosing them, both routers,
/// capacities from 0 to all tokens, both paddings, both gelus, with and without head, pooler and hidden mapping, or
/// with a head of masked tokens or of token labels, sizes from 1 up, odd ones and such above 64, where kernels change.
tools::ModelConfig RandomModelConfig(Random* random);

/// Weights for it that keep activations at the size of a trained model's; biases are not 0. Some models have ties: a
/// router that likes all tokens equally, or pads that are all alike.
tools::ModelContent RandomWeights(const tools::ModelConfig& config, Random* random);

/// Both from one seed.
tools::ModelContent RandomModel(uint64_t seed);

/// What a model is, in a line for failed tests.
std::string Describe(const tools::ModelConfig& config);

/// Texts of equal length, one after the other.
struct TokenInput {
  size_t num_texts = 1;
  std::vector<int32_t> token_ids;  // [num_texts, n]
  std::vector<int32_t> type_ids;   // the same, or empty

  size_t num_tokens() const { return token_ids.size() / num_texts; }
};

/// One that the model takes. Reference padding: real tokens, then pads, but now and then a pad in the middle, or
/// nothing but pads.
TokenInput RandomInput(const Model& model, Random* random, size_t num_texts = 1);

/// Whether the model takes texts of any length up to its max_seq_len, not of this only.
bool TakesAnyLength(const Model& model);

/// A random model, texts for it, and how to run them; some models route over batches of texts, in one group or several.
struct RandomCase {
  explicit RandomCase(uint64_t seed);

  const tools::ModelConfig& config() const { return content.config; }
  TokenInput Input(const Model& model) { return RandomInput(model, &random, options.batch_size); }

  Random random;
  tools::ModelContent content;
  Options options;
};

}  // namespace smx::tests

#endif  // SMX_TESTS_SUPPORT_RANDOM_MODEL_H_
