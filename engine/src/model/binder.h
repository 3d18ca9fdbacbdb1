#ifndef SMX_MODEL_BINDER_H_
#define SMX_MODEL_BINDER_H_

#include <string_view>

#include "base/checked_math.h"
#include "base/fixed_array.h"
#include "model/check.h"

namespace smx {

constexpr size_t kMaxNameBytes = 128;

inline std::string_view NameOf(const schema::Tensor& tensor) { return {tensor.name()->c_str(), tensor.name()->size()}; }

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
  /// What a product of these `weights` multiplies its rows by, f32 of [inputs]; null where the file has no such tensor.
  const float* InputScales(const char* name, const ProductWeights& weights);
  WordEmbeddingWeights WordEmbedding(const char* name, size_t rows, size_t cols);
  /// A Toeplitz matrix [n, n] as outputs by inputs, out of its vector [1, 2n - 1]: T[r, c] = vector[n - 1 + c - r].
  ProductWeights Toeplitz(const char* vector, size_t n);

 private:
  /// By its name behind the prefix; null when there is none.
  const schema::Tensor* Lookup(const char* name) const;
  const schema::Tensor* Find(const char* name, Span<const uint32_t> shape);
  const float* Floats(const char* name, Span<const uint32_t> shape);
  const uint8_t* Bytes(const schema::Tensor& tensor, uint64_t offset, Checked bytes);
  const float* Scales(const schema::Tensor& tensor, uint64_t channel_axis, size_t count);
  /// `values`, or null when one of them is no scale.
  const float* CheckScales(const schema::Tensor& tensor, const float* values, size_t count);
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

}  // namespace smx

#endif  // SMX_MODEL_BINDER_H_
