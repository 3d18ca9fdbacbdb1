// The tests' own statement of liveness, support/liveness.h, put to the test: garbage in rows that it calls dead changes
// no answer, and in those that it calls needed, it does.

#include <cstring>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/count.h"
#include "support/liveness.h"
#include "support/models.h"
#include "support/random_model.h"
#include "support/session.h"

using smx::Observation;
using smx::tests::Answer;
using smx::tests::MemoryModel;
using smx::tests::NeedsOf;
using smx::tests::NumModels;
using smx::tests::RandomCase;
using smx::tests::Rows;
using smx::tests::RunNeeds;
using smx::tests::SameBits;
using smx::tests::Session;
using smx::tests::TokenInput;
using smx::tools::ModelConfig;
using smx::tools::WeightsType;

namespace {

constexpr uint64_t kFirstSeed = 20261126;

/// Writes garbage into rows while a model runs, where an observer sees them.
class Vandal {
 public:
  Vandal(const ModelConfig& config, const RunNeeds& needs) : config_(config), needs_(needs) {}

  smx::Observer observer() {
    return {[](void* self, const Observation& seen) { static_cast<Vandal*>(self)->See(seen); }, this};
  }

  bool spares_needed_rows = true;  // else it spares all rows but one:
  std::string name;
  int layer = 0;
  size_t row = 0;
  size_t num_rows_hit = 0;

 private:
  void See(const Observation& seen) {
    const Rows* needed = NeededOf(seen);
    if (needed == nullptr) return;
    const size_t num_rows = seen.shape[0] * seen.shape[1];
    for (size_t r = 0; r < num_rows; ++r) {
      const bool is_target = seen.name == name && seen.layer == layer && r == row;
      if (spares_needed_rows ? needed->count(r) == 0 : is_target) Hit(seen, r);
    }
  }

  /// Null for what is no buffer of rows that is read again.
  const Rows* NeededOf(const Observation& seen) const {
    if (std::strcmp(seen.name, "embedding_output") == 0) return &needs_.embedding;
    if (seen.layer < 0) return nullptr;
    const smx::tests::BlockNeeds& block = needs_.blocks[static_cast<size_t>(seen.layer)];
    for (const char* mixed : {"mixing_output", "mixing_norm"}) {
      if (std::strcmp(seen.name, mixed) == 0) return &block.mixed;
    }
    for (const char* output : {"ff_output", "output"}) {
      if (std::strcmp(seen.name, output) == 0) return &block.output;
    }
    return nullptr;
  }

  /// The engine's buffer itself is what an observer is shown.
  void Hit(const Observation& seen, size_t r) {
    float* values = const_cast<float*>(seen.values) + r * config_.d_model;
    for (size_t c = 0; c < config_.d_model; ++c) values[c] = c % 2 == 0 ? 1000.0f + values[c] * 3 : -700.0f;
    ++num_rows_hit;
  }

  const ModelConfig& config_;
  const RunNeeds& needs_;
};

}  // namespace

TEST_CASE("liveness: garbage in every row that nobody reads changes no answer") {
  size_t num_rows_hit = 0;
  for (uint64_t seed = kFirstSeed; seed < kFirstSeed + NumModels(200); ++seed) {
    CAPTURE(seed);
    RandomCase c(seed);
    CAPTURE(smx::tests::Describe(c.config()));
    const MemoryModel model(c.content, c.random.Percent(50) ? WeightsType::kF32 : WeightsType::kInt8);
    const TokenInput input = c.Input(*model);
    const RunNeeds needs = NeedsOf(c.config(), input, smx::tests::PooledRows(input));
    c.options.skip_dead_rows = false;
    const Answer expected = Session(*model, c.options).Run(input, /*wants_hidden=*/false);
    Vandal vandal(c.config(), needs);
    c.options.observer = vandal.observer();
    CHECK(SameBits(Session(*model, c.options).Run(input, /*wants_hidden=*/false), expected));
    num_rows_hit += vandal.num_rows_hit;
  }
  CHECK(num_rows_hit > 0);
}

TEST_CASE("liveness: garbage in a row that is needed shows in the answer") {
  size_t num_tried = 0;
  size_t num_seen = 0;
  for (uint64_t seed = kFirstSeed; seed < kFirstSeed + NumModels(200); ++seed) {
    RandomCase c(seed);
    // One column is the same after layer norm whatever it was, and a router may choose as before.
    if (c.config().d_model < 4 || c.config().experts) continue;
    const MemoryModel model(c.content, WeightsType::kF32);
    const TokenInput input = c.Input(*model);
    const RunNeeds needs = NeedsOf(c.config(), input, smx::tests::PooledRows(input));
    c.options.skip_dead_rows = false;
    const Answer expected = Session(*model, c.options).Run(input, /*wants_hidden=*/false);
    for (const char* name : {"mixing_output", "output"}) {
      Vandal vandal(c.config(), needs);
      vandal.spares_needed_rows = false;
      vandal.name = name;
      vandal.layer = static_cast<int>(c.random.Between(0, c.config().layers.size() - 1));
      const smx::tests::BlockNeeds& block = needs.blocks[static_cast<size_t>(vandal.layer)];
      const Rows& needed = vandal.name == "output" ? block.output : block.mixed;
      vandal.row = *std::next(needed.begin(), static_cast<std::ptrdiff_t>(c.random.Between(0, needed.size() - 1)));
      c.options.observer = vandal.observer();
      const bool shows = !SameBits(Session(*model, c.options).Run(input, /*wants_hidden=*/false), expected);
      CHECK(vandal.num_rows_hit == 1);
      ++num_tried;
      num_seen += shows ? 1 : 0;
    }
  }
  CAPTURE(num_tried);
  CHECK(num_tried > 0);
  // Now and then the change drowns in rounding.
  CHECK(static_cast<double>(num_seen) >= 0.95 * static_cast<double>(num_tried));
}
