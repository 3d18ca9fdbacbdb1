#include "checkpoint.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "error.h"
#include "smx/sha256.h"

namespace smx::tools {
namespace {

using Shape = std::vector<size_t>;

constexpr int kStaysFloat32 = -1;

/// Moves arrays into parameters, checks each, and remembers which were wanted.
class Taker {
 public:
  Taker(const std::string& path, const ArrayMap& arrays) : path_(path), arrays_(arrays) {}

  /// The array `name`, which the checkpoint has as `shape` and the model file as `file_shape`: the same values.
  void Take(const std::string& name, const Shape& shape, const Shape& file_shape, int channel_axis = kStaysFloat32) {
    Add(name, file_shape, Values(name, shape), channel_axis);
  }
  void Take(const std::string& name, const Shape& shape, int channel_axis = kStaysFloat32) {
    Take(name, shape, shape, channel_axis);
  }

  /// Values of an array after all checks.
  std::vector<float> Values(const std::string& name, const Shape& shape);

  void Add(const std::string& name, const Shape& shape, std::vector<float> values, int channel_axis) {
    checkpoint_.parameters.push_back({name, {shape.begin(), shape.end()}, std::move(values), channel_axis, segment_});
  }

  /// May be there, and is not read.
  void Ignore(const std::string& name) { taken_.insert(name); }

  void NextSegment() { ++segment_; }
  uint32_t segment() const { return segment_; }
  uint32_t first_expert_segment = 0;

  Checkpoint Finish();

 private:
  [[noreturn]] void Fail(const std::string& name, const std::string& what) const {
    throw Error(ExitCode::kBadInput, path_ + ": array " + name + ": " + what);
  }

  const std::string& path_;
  const ArrayMap& arrays_;
  std::set<std::string> taken_;
  Checkpoint checkpoint_;
  uint32_t segment_ = 0;
};

std::vector<float> Taker::Values(const std::string& name, const Shape& shape) {
  const auto found = arrays_.find(name);
  if (found == arrays_.end()) Fail(name, "missing; config.json asks for it with shape " + ShapeText(shape));
  taken_.insert(name);
  if (found->second.shape != shape) {
    Fail(name, "shape " + ShapeText(found->second.shape) + ", config.json asks for " + ShapeText(shape));
  }
  std::vector<float> values = ToFloat(path_ + ": " + name, found->second);
  for (size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) {
      Fail(name, "value " + std::to_string(i) + " is " + std::to_string(values[i]) + ", must be a finite number");
    }
  }
  return values;
}

Checkpoint Taker::Finish() {
  for (const auto& item : arrays_) {
    if (taken_.count(item.first) == 0)
      Fail(item.first, "surplus: a model as config.json describes it has no such array");
  }
  checkpoint_.num_segments = segment_;
  checkpoint_.first_expert_segment = first_expert_segment;
  return std::move(checkpoint_);
}

void TakeLayerNorm(Taker* taker, const std::string& name, size_t width) {
  taker->Take(name + "/scale", {width});
  taker->Take(name + "/bias", {width});
}

/// A dense layer [in, out] with bias.
void TakeDense(Taker* taker, const std::string& name, size_t in, size_t out) {
  taker->Take(name + "/kernel", {in, out}, 1);
  taker->Take(name + "/bias", {out});
}

void TakeEmbedding(Taker* taker, const ModelConfig& c) {
  const std::string prefix = "encoder/embedder/";
  taker->Take(prefix + "word/embedding", {c.vocab_size, c.d_emb}, 0);
  taker->Take(prefix + "position/embedding", {1, c.max_seq_len, c.d_emb}, Shape{c.max_seq_len, c.d_emb});
  taker->Take(prefix + "type/embedding", {c.type_vocab_size, c.d_emb});
  TakeLayerNorm(taker, prefix + "layer_norm", c.d_emb);
  if (c.has_hidden_mapping) TakeDense(taker, prefix + "hidden_mapping_in", c.d_emb, c.d_model);
}

/// A circulant matrix, given by its first column, as the Toeplitz matrix that it is.
void TakeCirculant(Taker* taker, const std::string& name, size_t n) {
  const std::vector<float> column = taker->Values(name, {n});
  std::vector<float> toeplitz;
  for (size_t i = 0; i < 2 * n - 1; ++i) toeplitz.push_back(column[(2 * n - 1 - i) % n]);
  taker->Add(name, {1, 2 * n - 1}, std::move(toeplitz), 0);
}

void TakeToeplitz(Taker* taker, const std::string& name, size_t n) {
  taker->Take(name, {2 * n - 1}, {1, 2 * n - 1}, 0);
}

void TakeAttention(Taker* taker, const std::string& prefix, size_t d, size_t heads) {
  for (const char* name : {"query", "key", "value"}) {
    taker->Take(prefix + name + "/kernel", {d, heads, d / heads}, {d, d}, 1);
    taker->Take(prefix + name + "/bias", {heads, d / heads}, Shape{d});
  }
  taker->Take(prefix + "out/kernel", {heads, d / heads, d}, {d, d}, 1);
  taker->Take(prefix + "out/bias", {d});
}

void TakeMixing(Taker* taker, const ModelConfig& c, size_t layer) {
  const std::string number = std::to_string(layer);
  const std::string linear = "encoder/linear_transform_" + number + "/";
  const std::string circulant = "encoder/circulant_transform_" + number + "/";
  const std::string toeplitz = "encoder/toeplitz_transform_" + number + "/";
  switch (c.layers[layer].mixing) {
    case schema::MixingKind_CIRCULANT:
      TakeCirculant(taker, circulant + "hidden_kernel", c.d_model);
      TakeCirculant(taker, circulant + "input_kernel", c.max_seq_len);
      return;
    case schema::MixingKind_TOEPLITZ:
      TakeToeplitz(taker, toeplitz + "hidden_kernel", c.d_model);
      TakeToeplitz(taker, toeplitz + "input_kernel", c.max_seq_len);
      return;
    case schema::MixingKind_FOURIER:
    case schema::MixingKind_HARTLEY:
      return;
    case schema::MixingKind_ATTENTION:
      return TakeAttention(taker, "encoder/attention_" + number + "/self/", c.d_model, c.num_heads);
    default:
      taker->Take(linear + "hidden_kernel", {c.d_model, c.d_model}, 1);
      taker->Take(linear + "input_kernel", {c.max_seq_len, c.max_seq_len}, 0);
  }
}

/// values [rows, num_experts, cols] -> the [rows, cols] of one expert.
std::vector<float> CutExpert(const std::vector<float>& values, size_t rows, size_t num_experts, size_t cols, size_t e) {
  std::vector<float> cut;
  cut.reserve(rows * cols);
  for (size_t r = 0; r < rows; ++r) {
    const float* begin = values.data() + (r * num_experts + e) * cols;
    cut.insert(cut.end(), begin, begin + cols);
  }
  return cut;
}

/// One segment per expert, each with its four arrays.
void TakeExperts(Taker* taker, const ModelConfig& c, size_t layer) {
  const size_t num_experts = c.experts->num_experts;
  const size_t d = c.d_model;
  const size_t ff = c.experts->expert_d_ff;
  const std::string prefix = "encoder/expert_" + std::to_string(layer) + "/";
  const std::vector<float> w1 = taker->Values(prefix + "intermediate/kernel", {d, num_experts, ff});
  const std::vector<float> b1 = taker->Values(prefix + "intermediate/bias", {ff, num_experts});
  const std::vector<float> w2 = taker->Values(prefix + "output/kernel", {ff, num_experts, d});
  const std::vector<float> b2 = taker->Values(prefix + "output/bias", {d, num_experts});
  for (size_t e = 0; e < num_experts; ++e) {
    const std::string expert = prefix + std::to_string(e) + "/";
    taker->Add(expert + "intermediate/kernel", {d, ff}, CutExpert(w1, d, num_experts, ff, e), 1);
    taker->Add(expert + "intermediate/bias", {ff}, CutExpert(b1, ff, num_experts, 1, e), kStaysFloat32);
    taker->Add(expert + "output/kernel", {ff, d}, CutExpert(w2, ff, num_experts, d, e), 1);
    taker->Add(expert + "output/bias", {d}, CutExpert(b2, d, num_experts, 1, e), kStaysFloat32);
    taker->NextSegment();
  }
}

/// Everything of a block but its experts.
void TakeBlock(Taker* taker, const ModelConfig& c, size_t layer) {
  const std::string number = std::to_string(layer);
  TakeMixing(taker, c, layer);
  TakeLayerNorm(taker, "encoder/encoder_" + number + "/mixing_layer_norm", c.d_model);
  TakeLayerNorm(taker, "encoder/encoder_" + number + "/output_layer_norm", c.d_model);
  if (c.layers[layer].feed_forward == schema::FeedForwardKind_EXPERTS) {
    const std::string router = "encoder/router_weights_" + number + "/DenseGeneral_0";
    taker->Take(router + "/kernel", {c.d_model, c.experts->num_experts});
    taker->Take(router + "/bias", {c.experts->num_experts});
    return;
  }
  TakeDense(taker, "encoder/feed_forward_" + number + "/intermediate", c.d_model, c.d_ff);
  TakeDense(taker, "encoder/feed_forward_" + number + "/output", c.d_ff, c.d_model);
}

/// Pooler and classification, as far as there are such, in a segment.
void TakeHead(Taker* taker, const ModelConfig& c) {
  if (!c.has_pooler) return;
  taker->Take("encoder/pooler/kernel", {c.d_model, c.d_model});
  taker->Take("encoder/pooler/bias", {c.d_model});
  if (c.num_classes > 0) {
    taker->Take("classification/output_kernel", {c.num_classes, c.d_model});
    taker->Take("classification/output_bias", {c.num_classes});
  }
  taker->NextSegment();
}

void TakeTokenLabels(Taker* taker, const ModelConfig& c) {
  taker->Take("token_labels/output_kernel", {c.num_classes, c.d_model});
  taker->Take("token_labels/output_bias", {c.num_classes});
  taker->NextSegment();
}

/// The pre-training model of the reference, which also has a pooler and a head of next sentences; they are not for
/// this.
void TakeMaskedTokens(Taker* taker, const ModelConfig& c) {
  taker->Take("predictions_dense/kernel", {c.d_model, c.d_emb});
  taker->Take("predictions_dense/bias", {c.d_emb});
  TakeLayerNorm(taker, "predictions_layer_norm", c.d_emb);
  taker->Take("predictions_output/output_bias", {c.vocab_size});
  taker->NextSegment();
  for (const char* name :
       {"encoder/pooler/kernel", "encoder/pooler/bias", "classification/output_kernel", "classification/output_bias"}) {
    taker->Ignore(name);
  }
}

}  // namespace

Checkpoint ReadCheckpoint(const std::string& path, const ArrayMap& arrays, const ModelConfig& config) {
  Taker taker(path, arrays);
  TakeEmbedding(&taker, config);
  taker.NextSegment();
  for (size_t i = 0; i < config.layers.size(); ++i) {
    TakeBlock(&taker, config, i);
    taker.NextSegment();
  }
  TakeHead(&taker, config);
  if (config.task == schema::TaskKind_TOKEN_LABELS) TakeTokenLabels(&taker, config);
  if (config.task == schema::TaskKind_MASKED_TOKENS) TakeMaskedTokens(&taker, config);
  taker.first_expert_segment = taker.segment();
  for (size_t i = 0; i < config.layers.size(); ++i) {
    if (config.layers[i].feed_forward == schema::FeedForwardKind_EXPERTS) TakeExperts(&taker, config, i);
  }
  return taker.Finish();
}

std::vector<uint8_t> HashOfParameters(const Checkpoint& checkpoint) {
  std::vector<const Parameter*> sorted;
  for (const Parameter& parameter : checkpoint.parameters) sorted.push_back(&parameter);
  std::sort(sorted.begin(), sorted.end(), [](const Parameter* a, const Parameter* b) { return a->name < b->name; });
  Sha256 hash;
  const auto add = [&hash](const void* bytes, size_t size) { hash.Update({static_cast<const uint8_t*>(bytes), size}); };
  for (const Parameter* parameter : sorted) {
    add(parameter->name.c_str(), parameter->name.size() + 1);
    const uint32_t rank = static_cast<uint32_t>(parameter->shape.size());
    add(&rank, sizeof(rank));
    add(parameter->shape.data(), rank * sizeof(uint32_t));
    add(parameter->values.data(), parameter->values.size() * sizeof(float));
  }
  std::vector<uint8_t> digest(32);
  hash.Finish(digest.data());
  return digest;
}

}  // namespace smx::tools
