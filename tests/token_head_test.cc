// The heads of masked tokens and of token labels on random models: logits by the formula in float64, whatever else is
// computed, and what the Encoder refuses.

#include <algorithm>
#include <cmath>
#include <map>

#include <doctest/doctest.h>

#include "support/count.h"
#include "support/models.h"
#include "support/random_model.h"
#include "support/session.h"

using smx::Encoder;
using smx::Options;
using smx::Status;
using smx::tests::KeepLogits;
using smx::tests::MemoryModel;
using smx::tests::NumModels;
using smx::tests::RandomCase;
using smx::tests::SameBits;
using smx::tests::Session;
using smx::tests::TokenInput;
using smx::tools::WeightsType;

namespace {

constexpr uint64_t kFirstSeed = 20261130;

bool IsOfMaskedTokens(const RandomCase& c) { return c.config().task == smx::schema::TaskKind_MASKED_TOKENS; }

bool HasTokenHead(const RandomCase& c) {
  return IsOfMaskedTokens(c) || c.config().task == smx::schema::TaskKind_TOKEN_LABELS;
}

std::vector<float> LogitsOf(Encoder* encoder, const TokenInput& input, const std::vector<uint32_t>& positions) {
  std::vector<float> logits;
  smx::EncoderOutput output;
  output.tokens = KeepLogits(positions, &logits);
  REQUIRE(encoder->Run(input.token_ids, input.type_ids, output) == Status::kOk);
  return logits;
}

/// Some rows, in any order, now and then one of them twice.
std::vector<uint32_t> RandomPositions(size_t num_rows, smx::tests::Random* random) {
  std::vector<uint32_t> positions(random->Between(1, 4));
  for (uint32_t& position : positions) position = static_cast<uint32_t>(random->Between(0, num_rows - 1));
  return positions;
}

std::vector<float> RowOf(const std::vector<float>& rows, size_t row, size_t cols) {
  const auto begin = rows.begin() + static_cast<std::ptrdiff_t>(row * cols);
  return {begin, begin + static_cast<std::ptrdiff_t>(cols)};
}

/// Parameters as float64.
class Weights {
 public:
  explicit Weights(const RandomCase& c) {
    for (const smx::tools::Parameter& parameter : c.content.checkpoint.parameters) {
      values_[parameter.name] = &parameter.values;
    }
  }
  double operator()(const char* name, size_t i) const { return static_cast<double>((*values_.at(name))[i]); }

 private:
  std::map<std::string, const std::vector<float>*> values_;
};

/// hidden W^T + b in float64.
std::vector<double> LabelsByFormula(const RandomCase& c, const std::vector<float>& hidden) {
  const Weights value(c);
  std::vector<double> logits;
  for (size_t label = 0; label < c.config().num_classes; ++label) {
    double sum = value("token_labels/output_bias", label);
    for (size_t i = 0; i < hidden.size(); ++i) {
      sum += static_cast<double>(hidden[i]) * value("token_labels/output_kernel", label * hidden.size() + i);
    }
    logits.push_back(sum);
  }
  return logits;
}

/// layer_norm(gelu(dense(hidden))) E^T + b in float64.
std::vector<double> TokensByFormula(const RandomCase& c, const std::vector<float>& hidden) {
  const Weights value(c);
  const size_t d_emb = c.config().d_emb;
  const bool is_erf = c.config().activation == smx::schema::Activation_GELU_ERF;
  std::vector<double> x(d_emb);
  double mean = 0;
  for (size_t j = 0; j < d_emb; ++j) {
    double sum = value("predictions_dense/bias", j);
    for (size_t i = 0; i < hidden.size(); ++i) {
      sum += static_cast<double>(hidden[i]) * value("predictions_dense/kernel", i * d_emb + j);
    }
    const double inner = std::sqrt(2 / std::acos(-1.0)) * (sum + 0.044715 * sum * sum * sum);
    x[j] = 0.5 * sum * (1 + (is_erf ? std::erf(sum / std::sqrt(2.0)) : std::tanh(inner)));
    mean += x[j] / static_cast<double>(d_emb);
  }
  double variance = 0;
  for (const double v : x) variance += (v - mean) * (v - mean) / static_cast<double>(d_emb);
  std::vector<double> logits;
  for (size_t id = 0; id < c.config().vocab_size; ++id) {
    double sum = value("predictions_output/output_bias", id);
    for (size_t j = 0; j < d_emb; ++j) {
      const double normalized = (x[j] - mean) / std::sqrt(variance + c.config().layer_norm_epsilon);
      sum += (normalized * value("predictions_layer_norm/scale", j) + value("predictions_layer_norm/bias", j)) *
             value("encoder/embedder/word/embedding", id * d_emb + j);
    }
    logits.push_back(sum);
  }
  return logits;
}

}  // namespace

TEST_CASE("token head: logits of any rows are those of the formula on their hidden rows") {
  size_t num_masked = 0, num_labels = 0;
  for (uint64_t seed = kFirstSeed; seed < kFirstSeed + NumModels(300); ++seed) {
    CAPTURE(seed);
    RandomCase c(seed);
    // Of a narrow row layer norm magnifies rounding without bound.
    if (!HasTokenHead(c) || (IsOfMaskedTokens(c) && c.config().d_emb < 8)) continue;
    ++(IsOfMaskedTokens(c) ? num_masked : num_labels);
    const MemoryModel model(c.content, WeightsType::kF32);
    Options options = c.options;
    options.skip_dead_rows = false;
    const TokenInput input = c.Input(*model);
    std::vector<float> hidden;
    options.observer = {[](void* context, const smx::Observation& seen) {
                          if (std::string(seen.name) != "output") return;
                          auto* rows = static_cast<std::vector<float>*>(context);
                          rows->assign(seen.values, seen.values + seen.shape[0] * seen.shape[1] * seen.shape[2]);
                        },
                        &hidden};
    Session session(*model, options);
    const std::vector<uint32_t> positions = RandomPositions(input.token_ids.size(), &c.random);
    const std::vector<float> logits = LogitsOf(&session.encoder(), input, positions);
    const size_t width = model->info().num_token_logits;
    REQUIRE(logits.size() == positions.size() * width);
    for (size_t i = 0; i < positions.size(); ++i) {
      const std::vector<float> row = RowOf(hidden, positions[i], model->info().d_model);
      const std::vector<double> expected = IsOfMaskedTokens(c) ? TokensByFormula(c, row) : LabelsByFormula(c, row);
      REQUIRE(expected.size() == width);
      for (size_t k = 0; k < width; ++k) {
        CHECK(std::fabs(static_cast<double>(logits[i * width + k]) - expected[k]) <= 1e-4);
      }
    }
  }
  CHECK(num_masked > 0);
  CHECK(num_labels > 0);
}

TEST_CASE("token head: logits of a row have the same bits, alone, among others, and when every row is computed") {
  size_t rows_saved = 0;
  for (uint64_t seed = kFirstSeed; seed < kFirstSeed + NumModels(300); ++seed) {
    CAPTURE(seed);
    RandomCase c(seed);
    if (!HasTokenHead(c)) continue;
    const MemoryModel model(c.content, c.random.Percent(40) ? WeightsType::kF32 : WeightsType::kInt8);
    Options all = c.options;
    all.skip_dead_rows = false;
    Session lazy(*model, c.options), dense(*model, all);
    const TokenInput input = c.Input(*model);
    const std::vector<uint32_t> positions = RandomPositions(input.token_ids.size(), &c.random);
    const std::vector<float> logits = LogitsOf(&lazy.encoder(), input, positions);
    const smx::Step& last_block = lazy.encoder().steps()[lazy.encoder().steps().size() - 2];
    if (c.options.batch_size == 1 && std::string(last_block.name) == "feed_forward") {
      CHECK(last_block.rows == *std::max_element(positions.begin(), positions.end()) + 1);
      rows_saved += last_block.rows_present - last_block.rows;
    }
    CHECK(SameBits(LogitsOf(&dense.encoder(), input, positions), logits));
    for (size_t i = 0; i < positions.size(); ++i) {
      CHECK(
          SameBits(LogitsOf(&lazy.encoder(), input, {positions[i]}), RowOf(logits, i, model->info().num_token_logits)));
    }
  }
  CHECK(rows_saved > 0);
}

TEST_CASE("token head: positions outside of the input, without a hook, or of a model without the head are refused") {
  bool seen[2] = {false, false};
  for (uint64_t seed = kFirstSeed; !seen[0] || !seen[1]; ++seed) {
    RandomCase c(seed);
    seen[HasTokenHead(c) ? 1 : 0] = true;
    const MemoryModel model(c.content, WeightsType::kInt8);
    Session session(*model, c.options);
    const TokenInput input = c.Input(*model);
    std::vector<float> logits;
    const auto run = [&](const smx::TokenLogits& tokens) {
      smx::EncoderOutput output;
      output.tokens = tokens;
      return session.encoder().Run(input.token_ids, input.type_ids, output);
    };
    const uint32_t first[] = {0};
    const uint32_t behind[] = {0, static_cast<uint32_t>(input.token_ids.size())};
    CHECK(run(KeepLogits(first, &logits)) == (HasTokenHead(c) ? Status::kOk : Status::kInvalidArgument));
    logits.clear();
    CHECK(run(KeepLogits(behind, &logits)) == Status::kInvalidArgument);
    CHECK(run({first, nullptr, nullptr}) == Status::kInvalidArgument);
    CHECK(logits.empty());
  }
}
