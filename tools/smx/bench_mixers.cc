#include "bench_mixers.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <random>

#include "engine.h"
#include "model_writer.h"
#include "program.h"
#include "progress.h"
#include "safetensors.h"
#include "smx/platform.h"

namespace smx::tools {
namespace {

using nlohmann::ordered_json;

/// One block with that mixing, and as little else as a model can have.
ModelConfig OneBlock(schema::MixingKind mixing, uint32_t length, uint32_t d_model) {
  ModelConfig config = {};
  config.vocab_size = 2;
  config.type_vocab_size = config.d_emb = config.d_ff = config.num_heads = config.num_classes = 1;
  config.max_seq_len = length;
  config.d_model = d_model;
  config.layers = {{mixing, schema::FeedForwardKind_DENSE}};
  return config;
}

/// Values of a size that keeps activations near 1.
ArrayMap MadeUpArrays(const ModelConfig& c) {
  std::mt19937 random(1);
  ArrayMap arrays;
  const auto add = [&](const std::string& name, const std::vector<size_t>& shape) {
    size_t count = 1;
    for (const size_t extent : shape) count *= extent;
    std::vector<float> values(count);
    for (float& value : values) value = static_cast<float>(random() % 2001) * 1e-4f - 0.1f;
    arrays[name] = FromFloat(values, shape);
  };
  const size_t d = c.d_model;
  add("encoder/embedder/word/embedding", {2, 1});
  add("encoder/embedder/position/embedding", {1, c.max_seq_len, 1});
  add("encoder/embedder/type/embedding", {1, 1});
  for (const char* part : {"scale", "bias"}) {
    add(std::string("encoder/embedder/layer_norm/") + part, {1});
    add(std::string("encoder/encoder_0/mixing_layer_norm/") + part, {d});
    add(std::string("encoder/encoder_0/output_layer_norm/") + part, {d});
  }
  add("encoder/embedder/hidden_mapping_in/kernel", {1, d});
  add("encoder/embedder/hidden_mapping_in/bias", {d});
  const size_t length = c.max_seq_len;
  const schema::MixingKind mixing = c.layers[0].mixing;
  if (mixing == schema::MixingKind_LINEAR) {
    add("encoder/linear_transform_0/hidden_kernel", {d, d});
    add("encoder/linear_transform_0/input_kernel", {length, length});
  } else if (mixing == schema::MixingKind_CIRCULANT) {
    add("encoder/circulant_transform_0/hidden_kernel", {d});
    add("encoder/circulant_transform_0/input_kernel", {length});
  } else if (mixing == schema::MixingKind_TOEPLITZ) {
    add("encoder/toeplitz_transform_0/hidden_kernel", {2 * d - 1});
    add("encoder/toeplitz_transform_0/input_kernel", {2 * length - 1});
  }
  add("encoder/feed_forward_0/intermediate/kernel", {d, 1});
  add("encoder/feed_forward_0/intermediate/bias", {1});
  add("encoder/feed_forward_0/output/kernel", {1, d});
  add("encoder/feed_forward_0/output/bias", {d});
  add("encoder/pooler/kernel", {d, d});
  add("encoder/pooler/bias", {d});
  add("classification/output_kernel", {1, d});
  add("classification/output_bias", {1});
  return arrays;
}

/// A model in memory with nothing in it but one mixing.
class MixerModel {
 public:
  MixerModel(schema::MixingKind mixing, uint32_t length, uint32_t d_model, WeightsType type)
      : bytes_(Serialize(OneBlock(mixing, length, d_model), type)) {
    EngineErrors errors;
    Result<Model> model = Model::FromMemory({bytes_.data(), bytes_.size()}, {VerifyWeights::kNever, errors.log()});
    errors.Check(model.status(), "made-up model");
    model_ = std::make_unique<Model>(std::move(model.value()));
  }
  const Model& operator*() const { return *model_; }

 private:
  static std::vector<uint8_t> Serialize(const ModelConfig& config, WeightsType type) {
    ModelContent content;
    content.config = config;
    content.checkpoint = ReadCheckpoint("made-up model", MadeUpArrays(config), config);
    content.source_sha256.assign(32, 0);
    return SerializeModel(content, type);
  }

  AlignedBytes bytes_;
  std::unique_ptr<Model> model_;
};

/// Stops the time from a block's input to the output of its mixing: of small ones a few microseconds.
struct Stopwatch {
  using Clock = std::chrono::steady_clock;
  Clock::time_point begin;
  double mixing_us = 0;

  static void See(void* self, const Observation& seen) {
    Stopwatch& watch = *static_cast<Stopwatch*>(self);
    const Clock::time_point now = Clock::now();
    if (std::strcmp(seen.name, "embedding_output") == 0) watch.begin = now;
    if (std::strcmp(seen.name, "mixing_output") != 0) return;
    watch.mixing_us = std::chrono::duration<double, std::micro>(now - watch.begin).count();
  }
};

/// Median of up to `repeat` runs of all rows, fewer when they take long; in tenths.
double MixingUs(const Model& model, Options options, size_t repeat) {
  constexpr double kEnoughUs = 100000;
  constexpr size_t kLeastRuns = 3;
  Stopwatch watch;
  options.skip_dead_rows = false;
  options.observer = {Stopwatch::See, &watch};
  WithArena<Encoder> encoder(model, options, "made-up model");
  const std::vector<int32_t> ids = MadeUpText(model.info(), model.info().max_seq_len);
  float logits[1];
  const auto run = [&] { encoder.Check(encoder->Run({ids.data(), ids.size()}, {}, {{}, {}, logits})); };
  run();
  std::vector<double> times;
  double sum = 0;
  while (times.size() < repeat && (times.size() < kLeastRuns || sum < kEnoughUs)) {
    run();
    times.push_back(watch.mixing_us);
    sum += watch.mixing_us;
  }
  std::sort(times.begin(), times.end());
  return std::round(10 * times[times.size() / 2]) / 10;
}

/// What an Encoder that is left to itself says of its only mixing; null when there is but one way.
ordered_json PlannedWay(const Model& model) {
  WithArena<Encoder> encoder(model, {}, "made-up model");
  for (const Step& step : encoder->steps()) {
    const StageChoice& choice = step.choice;
    if (choice.way == nullptr) continue;
    return {{"way", choice.way}, {"why", choice.why}, {"fft_us", choice.fft_us}, {"product_us", choice.product_us}};
  }
  return nullptr;
}

Options Pinned(MixingWay way) {
  Options options;
  options.mixing_way = way;
  return options;
}

bool HasFft(const Model& model) { return Encoder::ArenaBytes(model, Pinned(MixingWay::kFft)).ok(); }

ordered_json MeasureShape(schema::MixingKind mixing, uint32_t length, uint32_t d_model, size_t repeat) {
  const MixerModel f32(mixing, length, d_model, WeightsType::kF32);
  const MixerModel int8(mixing, length, d_model, WeightsType::kInt8);
  ordered_json row = {{"mixing", (*f32).layer(0).mixing}, {"length", length}, {"d_model", d_model}};
  row["planner_f32"] = PlannedWay(*f32);
  row["planner_int8"] = PlannedWay(*int8);
  const bool has_fft = !row["planner_f32"].is_null() && HasFft(*f32);
  row["fft_us"] = has_fft ? ordered_json(MixingUs(*f32, Pinned(MixingWay::kFft), repeat)) : nullptr;
  row["product_f32_us"] = MixingUs(*f32, Pinned(MixingWay::kProduct), repeat);
  row["product_int8_us"] = MixingUs(*int8, Pinned(MixingWay::kProduct), repeat);
  return row;
}

std::string WayOf(const ordered_json& planned) {
  return planned.is_null() ? "product" : planned["way"].get<std::string>();
}

}  // namespace

ordered_json MeasureMixers(size_t largest, size_t repeat) {
  constexpr schema::MixingKind kMixings[] = {schema::MixingKind_LINEAR, schema::MixingKind_FOURIER,
                                             schema::MixingKind_HARTLEY, schema::MixingKind_CIRCULANT,
                                             schema::MixingKind_TOEPLITZ};
  std::vector<uint32_t> sizes;
  for (uint32_t size = 64; size <= (largest == 0 ? 1024 : largest); size *= 2) sizes.push_back(size);
  ordered_json report = {{"isa", IsaName()}, {"threads", 1}, {"shapes", ordered_json::array()}};
  ProgressBar progress("bench");
  size_t done = 0;
  for (const schema::MixingKind mixing : kMixings) {
    for (const uint32_t length : sizes) {
      for (const uint32_t d_model : sizes) {
        report["shapes"].push_back(MeasureShape(mixing, length, d_model, repeat));
        progress.Update(++done, std::size(kMixings) * sizes.size() * sizes.size());
      }
    }
  }
  return report;
}

void PrintMixers(const ordered_json& report) {
  std::printf("mixing of [L, d] in microseconds, one thread, %s\n\n", report["isa"].get<std::string>().c_str());
  std::printf("%-9s %5s %5s %10s %12s %13s   %-12s %s\n", "mixing", "L", "d", "FFT", "product f32", "product int8",
              "planner f32", "planner int8");
  for (const auto& row : report["shapes"]) {
    const auto number = [&row](const char* key) { return row[key].is_null() ? std::string("-") : row[key].dump(); };
    std::printf("%-9s %5s %5s %10s %12s %13s   %-12s %s\n", row["mixing"].get<std::string>().c_str(),
                number("length").c_str(), number("d_model").c_str(), number("fft_us").c_str(),
                number("product_f32_us").c_str(), number("product_int8_us").c_str(), WayOf(row["planner_f32"]).c_str(),
                WayOf(row["planner_int8"]).c_str());
  }
  const auto& last = report["shapes"].back();
  std::printf("\nf32: %s; int8: %s\n", last["planner_f32"]["why"].get<std::string>().c_str(),
              last["planner_int8"]["why"].get<std::string>().c_str());
}

}  // namespace smx::tools
