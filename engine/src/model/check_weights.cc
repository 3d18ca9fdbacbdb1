#include <cinttypes>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <string_view>

#include "base/checked_math.h"
#include "base/log.h"
#include "file_format.h"
#include "model/check.h"

namespace smx {
namespace {

constexpr size_t kMaxNameBytes = 128;

/// A tensor's shape as text, for messages.
struct ShapeText {
  char text[64] = "[";

  explicit ShapeText(Span<const uint32_t> shape) {
    size_t used = 1;
    for (size_t i = 0; i < shape.size() && used + 16 < sizeof(text); ++i) {
      const int n = std::snprintf(text + used, sizeof(text) - used, "%s%u", i == 0 ? "" : ",", shape[i]);
      used += static_cast<size_t>(n);
    }
    std::snprintf(text + used, sizeof(text) - used, "]");
  }
};

std::string_view NameOf(const schema::Tensor& tensor) { return {tensor.name()->c_str(), tensor.name()->size()}; }

/// Finds tensors by name, checks them against what the configuration asks for, and counts them, so that a tensor
/// nobody asked for does not go unnoticed. The first breach sticks in status().
class Binder {
 public:
  Binder(const VerifiedFile& file, const Log& log) : file_(file), log_(log) {}

  /// Room for the values and the scales of every tensor.
  Status Init() { return extents_.Allocate(2 * size_t{file_.model->tensors()->size()}); }

  Status status() const { return status_; }
  uint32_t num_bound() const { return num_bound_; }
  /// Where everything lies that was bound.
  Span<TensorExtent> extents() { return {extents_.data(), num_extents_}; }

  /// "encoder/<format...>"
  void SetPrefix(const char* format, ...) __attribute__((format(printf, 2, 3)));

  /// f32 values of [n], or [rows, n].
  const float* Vector(const char* name, size_t n) {
    const uint32_t shape[] = {static_cast<uint32_t>(n)};
    return Floats(name, shape);
  }
  const float* Matrix(const char* name, size_t rows, size_t cols) {
    const uint32_t shape[] = {static_cast<uint32_t>(rows), static_cast<uint32_t>(cols)};
    return Floats(name, shape);
  }

  LayerNormWeights LayerNorm(const char* name, size_t n);
  /// A kernel [inputs, outputs], or with `outputs_first` [outputs, inputs]; `bias` may be null.
  ProductWeights Product(const char* kernel, const char* bias, size_t inputs, size_t outputs,
                         bool outputs_first = false);
  WordEmbeddingWeights WordEmbedding(const char* name, size_t rows, size_t cols);
  /// A Toeplitz matrix [n, n] as outputs by inputs, out of its vector [1, 2n - 1]: T[r, c] = vector[n - 1 + c - r].
  ProductWeights Toeplitz(const char* vector, size_t n);

 private:
  const schema::Tensor* Find(const char* name, Span<const uint32_t> shape);
  const float* Floats(const char* name, Span<const uint32_t> shape);
  const uint8_t* Bytes(const schema::Tensor& tensor, uint64_t offset, Checked bytes);
  const float* Scales(const schema::Tensor& tensor, uint64_t channel_axis, size_t count);
  WeightType TypeOf(const schema::Tensor& tensor);
  void FailOnce(Status status) {
    if (status_ == Status::kOk) status_ = status;
  }

  const VerifiedFile& file_;
  const Log& log_;
  char prefix_[kMaxNameBytes] = "";
  Status status_ = Status::kOk;
  uint32_t num_bound_ = 0;
  FixedArray<TensorExtent> extents_;
  size_t num_extents_ = 0;  // at most two for each tensor of the file, because their names differ
};

void Binder::SetPrefix(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(prefix_, sizeof(prefix_), format, arguments);
  va_end(arguments);
}

const schema::Tensor* Binder::Find(const char* name, Span<const uint32_t> shape) {
  if (status_ != Status::kOk) return nullptr;
  char full_name[2 * kMaxNameBytes];
  std::snprintf(full_name, sizeof(full_name), "%s%s", prefix_, name);
  const auto& tensors = *file_.model->tensors();
  uint32_t low = 0;
  uint32_t high = tensors.size();
  while (low < high) {
    const uint32_t middle = low + (high - low) / 2;
    if (NameOf(*tensors.Get(middle)) < full_name) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == tensors.size() || NameOf(*tensors.Get(low)) != full_name) {
    FailOnce(Fail(log_, Status::kInvalidModel, "tensor %s: missing", full_name));
    return nullptr;
  }
  const schema::Tensor& tensor = *tensors.Get(low);
  bool same = tensor.shape()->size() == shape.size();
  for (uint32_t i = 0; same && i < shape.size(); ++i) same = tensor.shape()->Get(i) == shape[i];
  if (!same) {
    const ShapeText found({tensor.shape()->data(), tensor.shape()->size()});
    FailOnce(Fail(log_, Status::kInvalidModel, "tensor %s: shape %s, the configuration asks for %s", full_name,
                  found.text, ShapeText(shape).text));
    return nullptr;
  }
  ++num_bound_;
  return &tensor;
}

/// `bytes` of the tensor's segment from `offset` on, or null.
const uint8_t* Binder::Bytes(const schema::Tensor& tensor, uint64_t offset, Checked bytes) {
  const auto& segments = *file_.model->segments();
  if (tensor.segment() >= segments.size()) {
    FailOnce(Fail(log_, Status::kInvalidModel, "tensor %s: segment %u, the file has %u", tensor.name()->c_str(),
                  tensor.segment(), segments.size()));
    return nullptr;
  }
  const schema::Segment& segment = *segments.Get(tensor.segment());
  if (offset % schema::kTensorAlignment != 0 || !(Checked(offset) + bytes).AtMost(segment.bytes())) {
    FailOnce(Fail(log_, Status::kInvalidModel,
                  "tensor %s: offset %" PRIu64 " must be a multiple of 64 and its values end inside of "
                  "segment %u of %" PRIu64 " bytes",
                  tensor.name()->c_str(), offset, tensor.segment(), segment.bytes()));
    return nullptr;
  }
  extents_[num_extents_++] = {tensor.segment(), offset, offset + bytes.value(), tensor.name()->c_str()};
  return file_.bytes.data() + segment.offset() + offset;
}

Checked NumValues(const schema::Tensor& tensor) {
  Checked count = 1;
  for (const uint32_t extent : *tensor.shape()) count = count * Checked(extent);
  return count;
}

const float* Binder::Floats(const char* name, Span<const uint32_t> shape) {
  const schema::Tensor* tensor = Find(name, shape);
  if (tensor == nullptr) return nullptr;
  if (tensor->type() != schema::TensorType_F32) {
    FailOnce(Fail(log_, Status::kInvalidModel, "tensor %s: type %s, must be F32", tensor->name()->c_str(),
                  schema::EnumNameTensorType(tensor->type())));
    return nullptr;
  }
  const uint8_t* bytes = Bytes(*tensor, tensor->offset(), NumValues(*tensor) * Checked(sizeof(float)));
  return reinterpret_cast<const float*>(bytes);
}

WeightType Binder::TypeOf(const schema::Tensor& tensor) {
  if (tensor.type() == schema::TensorType_F32) return WeightType::kF32;
  if (tensor.type() != schema::TensorType_QC8W) {
    FailOnce(Fail(log_, Status::kUnsupported, "tensor %s: type %s (%u) is not built in this version",
                  tensor.name()->c_str(), schema::EnumNameTensorType(tensor.type()), tensor.type()));
  }
  return WeightType::kQc8w;
}

const float* Binder::Scales(const schema::Tensor& tensor, uint64_t channel_axis, size_t count) {
  if (tensor.channel_axis() != channel_axis) {
    FailOnce(Fail(log_, Status::kInvalidModel, "tensor %s: channel_axis %u, must be %" PRIu64, tensor.name()->c_str(),
                  tensor.channel_axis(), channel_axis));
    return nullptr;
  }
  const uint8_t* bytes = Bytes(tensor, tensor.scale_offset(), Checked(count) * Checked(sizeof(float)));
  if (bytes == nullptr) return nullptr;
  const float* scales = reinterpret_cast<const float*>(bytes);
  for (size_t i = 0; i < count; ++i) {
    if (std::isnormal(scales[i]) && scales[i] > 0.0f) continue;
    FailOnce(Fail(log_, Status::kInvalidModel, "tensor %s: scale %zu is %g, must be a positive normal number",
                  tensor.name()->c_str(), i, static_cast<double>(scales[i])));
    return nullptr;
  }
  return scales;
}

LayerNormWeights Binder::LayerNorm(const char* name, size_t n) {
  char part[kMaxNameBytes];
  std::snprintf(part, sizeof(part), "%s/scale", name);
  const float* scale = Vector(part, n);
  std::snprintf(part, sizeof(part), "%s/bias", name);
  return {scale, Vector(part, n)};
}

ProductWeights Binder::Product(const char* kernel, const char* bias, size_t inputs, size_t outputs,
                               bool outputs_first) {
  ProductWeights product;
  product.inputs = inputs;
  product.outputs = outputs;
  product.outputs_first = outputs_first;
  const size_t rows = outputs_first ? outputs : inputs;
  const size_t cols = outputs_first ? inputs : outputs;
  product.stride = static_cast<ptrdiff_t>(cols);
  const uint32_t shape[] = {static_cast<uint32_t>(rows), static_cast<uint32_t>(cols)};
  if (const schema::Tensor* tensor = Find(kernel, shape); tensor != nullptr) {
    product.type = TypeOf(*tensor);
    const bool is_f32 = product.type == WeightType::kF32;
    product.kernel = Bytes(*tensor, tensor->offset(), NumValues(*tensor) * Checked(is_f32 ? 4 : 1));
    if (!is_f32) product.scales = Scales(*tensor, outputs_first ? 0 : 1, outputs);
  }
  if (bias != nullptr) product.bias = Vector(bias, outputs);
  return product;
}

WordEmbeddingWeights Binder::WordEmbedding(const char* name, size_t rows, size_t cols) {
  WordEmbeddingWeights word;
  const ProductWeights table = Product(name, nullptr, cols, rows, /*outputs_first=*/true);
  word.type = table.type;
  word.rows = table.kernel;
  word.scales = table.scales;
  return word;
}

ProductWeights Binder::Toeplitz(const char* vector, size_t n) {
  ProductWeights product = Product(vector, nullptr, 2 * n - 1, 1, /*outputs_first=*/true);
  product.inputs = n;
  product.outputs = n;
  product.stride = -1;
  product.has_one_scale = true;
  if (product.kernel == nullptr) return product;
  const size_t value_bytes = product.type == WeightType::kF32 ? sizeof(float) : sizeof(int8_t);
  product.kernel = static_cast<const uint8_t*>(product.kernel) + (n - 1) * value_bytes;
  return product;
}

void BindEmbedding(const ModelConfig& c, Binder* bind, EmbeddingWeights* w) {
  bind->SetPrefix("encoder/embedder/");
  w->word = bind->WordEmbedding("word/embedding", c.vocab_size, c.d_emb);
  w->position = bind->Matrix("position/embedding", c.max_seq_len, c.d_emb);
  w->type = bind->Matrix("type/embedding", c.type_vocab_size, c.d_emb);
  w->layer_norm = bind->LayerNorm("layer_norm", c.d_emb);
  if (!c.has_hidden_mapping) return;
  w->hidden_mapping_in = bind->Product("hidden_mapping_in/kernel", "hidden_mapping_in/bias", c.d_emb, c.d_model);
}

void BindAttention(size_t d, Binder* bind, AttentionWeights* w) {
  w->query = bind->Product("query/kernel", "query/bias", d, d);
  w->key = bind->Product("key/kernel", "key/bias", d, d);
  w->value = bind->Product("value/kernel", "value/bias", d, d);
  w->out = bind->Product("out/kernel", "out/bias", d, d);
}

void BindMixing(const ModelConfig& c, size_t layer, Binder* bind, BlockWeights* w) {
  const size_t d = c.d_model;
  const size_t length = c.max_seq_len;
  switch (c.layers[layer].mixing) {
    case MixingKind::kLinear:
      bind->SetPrefix("encoder/linear_transform_%zu/", layer);
      w->linear.hidden_kernel = bind->Product("hidden_kernel", nullptr, d, d);
      w->linear.input_kernel = bind->Product("input_kernel", nullptr, length, length, /*outputs_first=*/true);
      return;
    case MixingKind::kFourier:
    case MixingKind::kHartley:
      return;
    case MixingKind::kCirculant:
      bind->SetPrefix("encoder/circulant_transform_%zu/", layer);
      w->linear = {bind->Toeplitz("hidden_kernel", d), bind->Toeplitz("input_kernel", length)};
      return;
    case MixingKind::kToeplitz:
      bind->SetPrefix("encoder/toeplitz_transform_%zu/", layer);
      w->linear = {bind->Toeplitz("hidden_kernel", d), bind->Toeplitz("input_kernel", length)};
      return;
    case MixingKind::kAttention:
      bind->SetPrefix("encoder/attention_%zu/self/", layer);
      return BindAttention(d, bind, &w->attention);
  }
}

void BindFeedForward(size_t d_model, size_t d_ff, Binder* bind, FeedForwardWeights* w) {
  w->intermediate = bind->Product("intermediate/kernel", "intermediate/bias", d_model, d_ff);
  w->output = bind->Product("output/kernel", "output/bias", d_ff, d_model);
}

Status BindExperts(const ModelConfig& c, size_t layer, Binder* bind, MoeWeights* w) {
  bind->SetPrefix("encoder/router_weights_%zu/DenseGeneral_0/", layer);
  w->router_kernel = bind->Matrix("kernel", c.d_model, c.moe.num_experts);
  w->router_bias = bind->Vector("bias", c.moe.num_experts);
  SMX_TRY(w->experts.Allocate(c.moe.num_experts));
  for (size_t e = 0; e < c.moe.num_experts; ++e) {
    bind->SetPrefix("encoder/expert_%zu/%zu/", layer, e);
    BindFeedForward(c.d_model, c.moe.expert_d_ff, bind, &w->experts[e]);
  }
  return bind->status();
}

Status BindBlock(const ModelConfig& c, size_t layer, Binder* bind, BlockWeights* w) {
  BindMixing(c, layer, bind, w);
  bind->SetPrefix("encoder/encoder_%zu/", layer);
  w->mixing_layer_norm = bind->LayerNorm("mixing_layer_norm", c.d_model);
  w->output_layer_norm = bind->LayerNorm("output_layer_norm", c.d_model);
  if (c.layers[layer].feed_forward == FeedForwardKind::kExperts) {
    return BindExperts(c, layer, bind, &w->moe);
  }
  bind->SetPrefix("encoder/feed_forward_%zu/", layer);
  BindFeedForward(c.d_model, c.d_ff, bind, &w->feed_forward);
  return bind->status();
}

void BindHead(const ModelConfig& c, Binder* bind, HeadWeights* w) {
  if (!c.has_pooler) return;
  bind->SetPrefix("encoder/");
  w->pooler = bind->Product("pooler/kernel", "pooler/bias", c.d_model, c.d_model);
  if (c.num_classes == 0) return;
  bind->SetPrefix("classification/");
  w->classification = bind->Product("output_kernel", "output_bias", c.d_model, c.num_classes, /*outputs_first=*/true);
}

/// The last kernel is the word embedding, which is bound already.
void BindTokenHead(const ModelConfig& c, const WordEmbeddingWeights& word, Binder* bind, TokenHeadWeights* w) {
  if (c.task != Task::kMaskedTokens) return;
  bind->SetPrefix("predictions_");
  w->dense = bind->Product("dense/kernel", "dense/bias", c.d_model, c.d_emb);
  w->layer_norm = bind->LayerNorm("layer_norm", c.d_emb);
  w->output.type = word.type;
  w->output.kernel = word.rows;
  w->output.scales = word.scales;
  w->output.inputs = w->output.stride = c.d_emb;
  w->output.outputs = c.vocab_size;
  w->output.outputs_first = true;
  w->output.bias = bind->Vector("output/output_bias", c.vocab_size);
}

/// Of the first dense product that every text goes through.
WeightType ProductType(const ModelConfig& c, const ModelWeights& weights) {
  if (c.has_hidden_mapping) return weights.embedding.hidden_mapping_in.type;
  const BlockWeights& block = weights.blocks[0];
  const bool has_experts = c.layers[0].feed_forward == FeedForwardKind::kExperts;
  return (has_experts ? block.moe.experts[0] : block.feed_forward).intermediate.type;
}

/// Names rise strictly: so each is there once, and the binary search above is right. They are short, because to compare
/// long ones that share their bytes could take for ever.
Status CheckNames(const schema::Model& model, const Log& log) {
  const auto& tensors = *model.tensors();
  for (uint32_t i = 0; i < tensors.size(); ++i) {
    if (tensors.Get(i)->name()->size() >= 2 * kMaxNameBytes) {
      return Fail(log, Status::kInvalidModel, "tensor %u: a name of %u bytes, must be below %zu", i,
                  tensors.Get(i)->name()->size(), 2 * kMaxNameBytes);
    }
    if (i > 0 && NameOf(*tensors.Get(i - 1)) >= NameOf(*tensors.Get(i))) {
      return Fail(log, Status::kInvalidModel, "tensor %.200s: not after the one before it in order of names",
                  tensors.Get(i)->name()->c_str());
    }
  }
  return Status::kOk;
}

}  // namespace

Status BindWeights(const VerifiedFile& file, const ModelConfig& config, const Log& log, ModelWeights* weights) {
  SMX_TRY(CheckNames(*file.model, log));
  Binder bind(file, log);
  SMX_TRY(bind.Init());
  BindEmbedding(config, &bind, &weights->embedding);
  SMX_TRY(weights->blocks.Allocate(config.layers.size()));
  for (size_t i = 0; i < config.layers.size(); ++i) {
    SMX_TRY(BindBlock(config, i, &bind, &weights->blocks[i]));
  }
  BindHead(config, &bind, &weights->head);
  BindTokenHead(config, weights->embedding.word, &bind, &weights->token_head);
  SMX_TRY(bind.status());
  SMX_TRY(CheckTypes(config, *weights, log));
  weights->product_type = ProductType(config, *weights);
  for (BlockWeights& block : weights->blocks) block.fourier.type = weights->product_type;
  const uint32_t num_tensors = file.model->tensors()->size();
  if (bind.num_bound() != num_tensors) {
    return Fail(log, Status::kInvalidModel, "tensors: the file has %u, the configuration asks for %u", num_tensors,
                bind.num_bound());
  }
  return CheckExtents(file, bind.extents(), log);
}

}  // namespace smx
