// What nobody reads is not computed, and no bit of an answer shows it.

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/count.h"
#include "support/liveness.h"
#include "support/models.h"
#include "support/random_model.h"
#include "support/session.h"

using smx::BackendChoice;
using smx::Model;
using smx::Observation;
using smx::Options;
using smx::tests::Answer;
using smx::tests::MemoryModel;
using smx::tests::NeedsOf;
using smx::tests::NumModels;
using smx::tests::RandomCase;
using smx::tests::RealLength;
using smx::tests::Rounding;
using smx::tests::Rows;
using smx::tests::RunNeeds;
using smx::tests::SameBits;
using smx::tests::Session;
using smx::tests::TokenInput;
using smx::tools::ModelConfig;
using smx::tools::WeightsType;

namespace {

constexpr uint64_t kFirstSeed = 20261126;

std::vector<float> RowOf(const std::vector<float>& hidden, size_t row, size_t d_model) {
  const auto begin = hidden.begin() + static_cast<std::ptrdiff_t>(row * d_model);
  return {begin, begin + static_cast<std::ptrdiff_t>(d_model)};
}

/// Hidden rows as in `full`; those of pads behind the last real token 0, unless there are several texts.
void CheckHidden(const ModelConfig& config, const TokenInput& input, const Answer& found, const Answer& full) {
  const size_t n = input.num_tokens();
  for (size_t row = 0; row < input.token_ids.size(); ++row) {
    CAPTURE(row);
    const size_t real_length = RealLength(config, input, row / n);
    const std::vector<float> values = RowOf(found.hidden, row, config.d_model);
    if (input.num_texts > 1 || row % n < real_length) {
      CHECK(SameBits(values, RowOf(full.hidden, row, config.d_model)));
    } else {
      CHECK(values == std::vector<float>(config.d_model));
    }
  }
}

/// Runs one case with and without dead rows; `type` and `backend` say on what kernels.
void CheckDeadRows(RandomCase* c, WeightsType type, BackendChoice backend) {
  const MemoryModel model(c->content, type);
  Options options = c->options;
  options.backend = backend;
  Session lazy(*model, options);
  options.skip_dead_rows = false;
  Session full(*model, options);
  for (int i = 0; i < 2; ++i) {
    const TokenInput input = c->Input(*model);
    const Answer expected = full.Run(input);
    const smx::Report full_report = full.encoder().report();
    CHECK(full_report.macs == full_report.macs_dense);
    CHECK(SameBits(lazy.Run(input, /*wants_hidden=*/false), expected));
    const smx::Report report = lazy.encoder().report();
    CHECK(report.macs_dense == full_report.macs_dense);
    CHECK(report.macs <= report.macs_dense);
    const Answer found = lazy.Run(input);
    CHECK(SameBits(found.pooled, expected.pooled));
    CHECK(SameBits(found.logits, expected.logits));
    CheckHidden(c->config(), input, found, expected);
  }
}

size_t NumWithExperts(const ModelConfig& config) {
  size_t count = 0;
  for (const smx::tools::LayerKinds& layer : config.layers) {
    count += layer.feed_forward == smx::schema::FeedForwardKind_EXPERTS ? 1 : 0;
  }
  return count;
}

Rows FirstRows(size_t count) {
  Rows rows;
  for (size_t row = 0; row < count; ++row) rows.insert(rows.end(), row);
  return rows;
}

/// Counts the places of experts whose token is in the rows that somebody reads.
class SlotCounter {
 public:
  SlotCounter(const RunNeeds& needs, size_t num_rows) : needs_(needs), num_rows_(num_rows) {}

  smx::Observer observer() {
    return {[](void* self, const Observation& seen) { static_cast<SlotCounter*>(self)->See(seen); }, this};
  }
  size_t count(int layer) const { return counts_.at(layer); }

 private:
  void See(const Observation& seen) {
    if (std::string(seen.name) != "combine_weights") return;
    const Rows& wanted = needs_.blocks[static_cast<size_t>(seen.layer)].output;
    size_t& count = counts_[seen.layer];  // stays 0 where experts have no room
    const size_t tokens_per_group = num_rows_ / seen.shape[0];
    const size_t slots_per_group = seen.shape[1] * seen.shape[2];
    for (size_t slot = 0; slot < seen.shape[0] * slots_per_group; ++slot) {
      if (seen.indices[slot] < 0) continue;
      count += wanted.count(slot / slots_per_group * tokens_per_group + static_cast<size_t>(seen.indices[slot]));
    }
  }

  const RunNeeds& needs_;
  const size_t num_rows_;
  std::map<int, size_t> counts_;
};

/// "linear_mixing" and the like.
bool IsMixing(const std::string& stage) { return stage.find("_mixing") != std::string::npos; }

/// Rows that a stage must compute, by the sets.
size_t RowsOfStage(const std::string& name, const RunNeeds& needs, int layer, const SlotCounter& slots) {
  if (name == "embedding") return needs.embedding.size();
  if (name == "pooler" || name == "classification" || name == "token_head") return 1;
  const smx::tests::BlockNeeds& block = needs.blocks[static_cast<size_t>(layer)];
  if (name == "attention" || name == "router" || IsMixing(name)) return block.mixed.size();
  if (name == "feed_forward") return block.output.size();
  REQUIRE(name == "experts");
  return slots.count(layer);
}

/// The length that linear mixing packs its kernel for: a power of two from 16 on, or the longest.
uint64_t PackedLength(size_t rows, size_t longest) {
  size_t length = 16;
  while (length < rows) length *= 2;
  return std::min(length, longest);
}

/// Of Fourier and Hartley mixing by products: the sequence, all frequencies or the first, then the hidden axis of the
/// cosine rows and the sine rows that the wanted rows are made of.
uint64_t FourierMacs(const ModelConfig& config, size_t layer, uint64_t n, uint64_t mixed) {
  const auto even = [](uint64_t length) { return length / 2 + 1; };
  const auto odd = [](uint64_t length) { return (length - 1) / 2; };
  const uint64_t d = config.d_model;
  const uint64_t cosine_rows = std::min(mixed, even(n)), sine_rows = std::min(mixed - 1, odd(n));
  const uint64_t sequence = mixed == 1 ? d * even(n) : d * (even(n) * even(n) + odd(n) * odd(n));
  const bool is_hartley = config.layers[layer].mixing == smx::schema::MixingKind_HARTLEY;
  const uint64_t with_cosines = is_hartley ? cosine_rows + sine_rows : cosine_rows;
  const uint64_t with_sines = is_hartley ? cosine_rows + sine_rows : sine_rows;
  return sequence + with_cosines * even(d) * even(d) + with_sines * odd(d) * odd(d);
}

/// Multiply-adds of the mixing of one block of one text. Attention: keys and values of all rows that it reads.
uint64_t MixingMacs(const ModelConfig& config, const smx::Step& step, size_t n, const RunNeeds& needs) {
  const size_t layer = static_cast<size_t>(step.layer);
  if (step.choice.way != nullptr && std::string(step.choice.way) == "fft") return 0;  // no products
  const smx::tests::BlockNeeds& block = needs.blocks[layer];
  const uint64_t d = config.d_model, mixed = block.mixed.size(), input = block.input.size();
  if (config.layers[layer].mixing == smx::schema::MixingKind_ATTENTION) {
    return 2 * (input + mixed) * d * d + 2 * mixed * input * d;
  }
  if (config.layers[layer].mixing == smx::schema::MixingKind_FOURIER ||
      config.layers[layer].mixing == smx::schema::MixingKind_HARTLEY) {
    return FourierMacs(config, layer, n, mixed);
  }
  const bool is_masked = config.padding == smx::schema::Padding_MASKED;
  const uint64_t inputs = is_masked ? PackedLength(n, config.max_seq_len) : n;
  const uint64_t outputs = mixed == 1  ? 1
                           : is_masked ? inputs
                                       : PackedLength(static_cast<size_t>(mixed), config.max_seq_len);
  return n * d * d + d * inputs * outputs;
}

bool HasPadAmongReal(const ModelConfig& config, const TokenInput& input) {
  const auto begin = input.token_ids.begin();
  const auto end = begin + static_cast<std::ptrdiff_t>(RealLength(config, input, 0));
  return config.padding == smx::schema::Padding_REFERENCE &&
         std::find(begin, end, static_cast<int32_t>(config.pad_id)) != end;
}

/// What must be computed of an input, and a run that says what was.
struct StepsCase {
  StepsCase(const Model& model, const ModelConfig& its_config, const TokenInput& its_input, bool wants_hidden)
      : config(its_config), input(its_input) {
    const Rows wanted = FirstRows(wants_hidden ? RealLength(config, input, 0) : 1);
    exact = NeedsOf(config, input, wanted, Rounding::kExact);
    prefix = NeedsOf(config, input, wanted, Rounding::kPrefix);
    Options options;
    options.observer = exact_slots.observer();
    Session(model, options).Run(input, wants_hidden);
    options.observer = prefix_slots.observer();
    session = std::make_unique<Session>(model, options);
    session->Run(input, wants_hidden);
  }

  const ModelConfig& config;
  const TokenInput& input;
  RunNeeds exact, prefix;
  SlotCounter exact_slots{exact, input.token_ids.size()}, prefix_slots{prefix, input.token_ids.size()};
  std::unique_ptr<Session> session;
};

void CheckStep(const StepsCase& c, const smx::Step& step) {
  const std::string name = step.name;
  CAPTURE(name);
  CAPTURE(step.layer);
  const size_t least = RowsOfStage(name, c.exact, step.layer, c.exact_slots);
  CHECK(step.rows == RowsOfStage(name, c.prefix, step.layer, c.prefix_slots));
  CHECK(step.rows >= least);
  if (!HasPadAmongReal(c.config, c.input)) CHECK(step.rows == least);
  CHECK(step.rows <= step.rows_present);
  CHECK(step.macs <= step.macs_dense);
  if (IsMixing(name) && c.input.num_tokens() == 1) {
    // A text of one token takes whatever kernel is packed for short ones.
  } else if (name == "attention" || IsMixing(name)) {
    CHECK(step.macs == MixingMacs(c.config, step, c.input.num_tokens(), c.prefix));
  } else {
    CHECK(step.macs * step.rows_present == step.macs_dense * step.rows);
  }
}

/// Compares what the engine says that it computed with what must be; returns how many rows it saved.
size_t CheckSteps(const MemoryModel& model, const ModelConfig& config, const TokenInput& input, bool wants_hidden) {
  const StepsCase c(*model, config, input, wants_hidden);
  size_t rows_saved = 0;
  uint64_t macs = 0;
  for (const smx::Step& step : c.session->encoder().steps()) {
    CheckStep(c, step);
    rows_saved += step.rows_present - step.rows;
    macs += step.macs;
  }
  const bool has_token_head = model->info().num_token_logits != 0;
  const size_t num_outside = 1 + (config.has_pooler ? 1 : 0) + (config.num_classes > 0 || has_token_head ? 1 : 0);
  CHECK(c.session->encoder().steps().size() == num_outside + config.layers.size() * 2 + NumWithExperts(config));
  CHECK(c.session->encoder().report().macs == macs);
  return rows_saved;
}

}  // namespace

TEST_CASE("dead rows: answers are the same bits as when every row is computed") {
  for (uint64_t seed = kFirstSeed; seed < kFirstSeed + NumModels(1000); ++seed) {
    CAPTURE(seed);
    RandomCase c(seed);
    CAPTURE(smx::tests::Describe(c.config()));
    const bool is_f32 = c.random.Percent(40);
    const BackendChoice backend = c.random.Percent(40) ? BackendChoice::kReference : BackendChoice::kBest;
    CAPTURE(is_f32);
    CheckDeadRows(&c, is_f32 ? WeightsType::kF32 : WeightsType::kInt8, backend);
  }
}

TEST_CASE("dead rows: as many are computed as the test's own sets say") {
  size_t rows_saved = 0;
  const size_t count = NumModels(300);
  for (uint64_t seed = kFirstSeed; seed < kFirstSeed + count; ++seed) {
    CAPTURE(seed);
    RandomCase c(seed);
    if (c.options.batch_size > 1) continue;
    CAPTURE(smx::tests::Describe(c.config()));
    const MemoryModel model(c.content, WeightsType::kF32);
    for (const bool wants_hidden : {false, true}) {
      CAPTURE(wants_hidden);
      rows_saved += CheckSteps(model, c.config(), c.Input(*model), wants_hidden);
    }
  }
  CHECK(rows_saved > count);
}

TEST_CASE("dead rows: batches of several texts compute every row") {
  size_t num_steps = 0;
  for (uint64_t seed = kFirstSeed; seed < kFirstSeed + NumModels(300); ++seed) {
    CAPTURE(seed);
    RandomCase c(seed);
    if (c.options.batch_size == 1) continue;
    const MemoryModel model(c.content, WeightsType::kF32);
    Session session(*model, c.options);
    session.Run(c.Input(*model));
    for (const smx::Step& step : session.encoder().steps()) {
      CAPTURE(std::string(step.name));
      CHECK(step.rows == step.rows_present);
      CHECK(step.macs == step.macs_dense);
      ++num_steps;
    }
  }
  CHECK(num_steps > 0);
}
