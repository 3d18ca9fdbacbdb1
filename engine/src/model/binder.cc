#include "model/binder.h"

#include <cinttypes>
#include <cmath>
#include <cstdarg>
#include <cstdio>

#include "base/log.h"
#include "file_format.h"

namespace smx {
namespace {

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

Checked NumValues(const schema::Tensor& tensor) {
  Checked count = 1;
  for (const uint32_t extent : *tensor.shape()) count = count * Checked(extent);
  return count;
}

}  // namespace

void Binder::SetPrefix(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): some versions do not see va_start
  std::vsnprintf(prefix_, sizeof(prefix_), format, arguments);
  va_end(arguments);
}

const schema::Tensor* Binder::Lookup(const char* name) const {
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
  if (low == tensors.size() || NameOf(*tensors.Get(low)) != full_name) return nullptr;
  return tensors.Get(low);
}

const schema::Tensor* Binder::Find(const char* name, Span<const uint32_t> shape) {
  if (status_ != Status::kOk) return nullptr;
  const schema::Tensor* const found = Lookup(name);
  if (found == nullptr) {
    FailOnce(Fail(log_, Status::kInvalidModel, "tensor %s%s: missing", prefix_, name));
    return nullptr;
  }
  const schema::Tensor& tensor = *found;
  bool same = tensor.shape()->size() == shape.size();
  for (uint32_t i = 0; same && i < shape.size(); ++i) same = tensor.shape()->Get(i) == shape[i];
  if (!same) {
    const ShapeText shape_found({tensor.shape()->data(), tensor.shape()->size()});
    FailOnce(Fail(log_, Status::kInvalidModel, "tensor %s: shape %s, the configuration asks for %s",
                  tensor.name()->c_str(), shape_found.text, ShapeText(shape).text));
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
  return CheckScales(tensor, reinterpret_cast<const float*>(bytes), count);
}

const float* Binder::CheckScales(const schema::Tensor& tensor, const float* values, size_t count) {
  if (values == nullptr) return nullptr;
  for (size_t i = 0; i < count; ++i) {
    if (std::isnormal(values[i]) && values[i] > 0.0f) continue;
    FailOnce(Fail(log_, Status::kInvalidModel, "tensor %s: scale %zu is %g, must be a positive normal number",
                  tensor.name()->c_str(), i, static_cast<double>(values[i])));
    return nullptr;
  }
  return values;
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

const float* Binder::InputScales(const char* name, const ProductWeights& weights) {
  const schema::Tensor* const tensor = status_ == Status::kOk ? Lookup(name) : nullptr;
  if (tensor == nullptr) return nullptr;
  if (weights.type != WeightType::kQc8w) {
    FailOnce(Fail(log_, Status::kInvalidModel, "tensor %s: scales inputs of kernels of type F32, must be of QC8W",
                  tensor->name()->c_str()));
    return nullptr;
  }
  return CheckScales(*tensor, Vector(name, weights.inputs), weights.inputs);
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

}  // namespace smx
