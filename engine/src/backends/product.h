#ifndef SMX_BACKENDS_PRODUCT_H_
#define SMX_BACKENDS_PRODUCT_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "backends/backend.h"
#include "base/mat.h"
#include "kernels/product.h"
#include "memory/arena.h"
#include "memory/plan.h"
#include "smx/status.h"

namespace smx {

/// Activation rows in the form that a product's weights ask for: f32 as they are, or quantized.
struct ProductInput {
  ConstMatF f32;
  Mat<const int8_t> qd8;
  const RowQuantization* params = nullptr;

  size_t rows() const { return f32.rows; }
};

/// Writes the last row's quantization kExtraInputRows times behind `rows` >= 1 entries. XNNPACK's kernels compute the
/// last row of a partial tile several times over, each time with the next entry: the same value, or the result is
/// wrong.
void RepeatLastRow(RowQuantization* params, size_t rows);

/// Room for the quantized form; several products (query, key, value) read it. Nothing for f32 weights.
class ProductInputRoom {
 public:
  void Acquire(WeightType type, size_t max_rows, size_t cols, Plan* plan);
  /// For products with these weights, by whose input_scales Load multiplies.
  void Acquire(const ProductWeights& weights, size_t max_rows, Plan* plan);
  /// For what Gather gives, which needs room for f32 rows, too.
  void AcquireForGather(WeightType type, size_t max_rows, size_t cols, Plan* plan);
  void Release(Plan* plan) const;

  /// Quantizes x [rows, cols], at most what was planned, where the weights are int8.
  ProductInput Load(const Backend& backend, const Arena& arena, ConstMatF x) const;

  /// The same of rows that `make(row)` completes first, [1, cols] at a time: what it wrote is still in the cache.
  template <typename Make>
  ProductInput Load(const Backend& backend, const Arena& arena, MatF x, const Make& make) const;

  /// Copies of the rows `rows[0 .. count - 1]`, count >= 1, of what another room's Load gave; f32 rows only where the
  /// weights are.
  ProductInput Gather(const Arena& arena, const ProductInput& loaded, const int32_t* rows, size_t count) const;

  /// The first `rows` >= 1 rows of what Load gave; the others are lost.
  ProductInput KeepFirst(const Arena& arena, const ProductInput& loaded, size_t rows) const;

 private:
  /// x as it will be when QuantizeRows was called for all rows and FinishLoad after them.
  ProductInput LoadedForm(const Arena& arena, ConstMatF x) const;
  void QuantizeRows(const Backend& backend, const Arena& arena, ConstMatF x, size_t first, size_t count) const;
  void FinishLoad(const Arena& arena, size_t rows) const;

  WeightType type_ = WeightType::kF32;
  const float* input_scales_ = nullptr;
  BufferId values_;
  BufferId params_;
};

template <typename Make>
ProductInput ProductInputRoom::Load(const Backend& backend, const Arena& arena, MatF x, const Make& make) const {
  const ProductInput loaded = LoadedForm(arena, x);
  backend.SplitRows(x.rows, x.cols, [&](size_t first, size_t count) {
    for (size_t r = first; r < first + count; ++r) {
      make(x.Rows(r, 1));
      QuantizeRows(backend, arena, x, r, 1);
    }
  });
  FinishLoad(arena, x.rows);
  return loaded;
}

/// y = x W + b by the best product there is for the weights' type.
class Product {
 public:
  Product();
  ~Product();
  Product(const Product&) = delete;
  Product& operator=(const Product&) = delete;

  /// `weights` live in the model; `backend` outlives this.
  ///
  /// @retval kOutOfMemory, kBackendFailure
  Status Create(const ProductWeights& weights, size_t max_rows, Backend* backend);

  /// out [in.rows(), outputs]; dense when the weights are int8. Counts its multiply-adds. No heap call.
  Status Run(const ProductInput& in, MatF out, Backend* backend);

  /// Run in two parts, for a caller who goes through the rows of `out` anyway: FinishRows of each makes them complete.
  Status Multiply(const ProductInput& in, MatF out, Backend* backend);
  void FinishRows(const Backend& backend, MatF rows) const;

  /// Of the packed weights; 0 when there are none.
  size_t PackedBytes() const;

  /// Of packed weights in a mapped cache only: gives their pages back, to be read again; asks for them ahead of a run.
  void ReleaseWeights() const;
  void PrefetchWeights() const;

 private:
  struct Accelerated;
  struct ByXnnpack;
  struct ByPanels;

  Span<const uint8_t> MappedBytes() const;

  ProductWeights weights_;
  std::unique_ptr<Accelerated> accelerated_;  // null: the reference kernel
};

/// The same at once by a kernel that needs no packing, for weights that are made in the run that uses them.
void RunUnpackedProduct(const ProductWeights& weights, const ProductInput& in, MatF out, Backend* backend);

/// Whether RunProductOfColumns can: int8 weights with outputs first, on a processor with byte products.
bool HasProductOfColumns(const ProductWeights& weights, const Backend& backend);

/// For x [inputs, cols]. The same on every machine, so that an arena is.
Checked ProductOfColumnsBytes(size_t inputs, size_t cols);

/// out [outputs, cols] = the transpose of what Load and Run would give of the transpose of x [inputs, cols], with its
/// bits. Nothing is packed or transposed, and any leading block of a matrix will do. Counts its multiply-adds.
/// room: ProductOfColumnsBytes; the backend has reserved row sums for the outputs.
void RunProductOfColumns(const ProductWeights& weights, ConstMatF x, uint8_t* room, MatF out, Backend* backend);

/// How an int8 product is put to the test below; `params` as RepeatLastRow leaves them.
using CheckedProductFn = Status (*)(const ProductWeights& weights, Mat<const int8_t> x, const RowQuantization* params,
                                    MatF out, const Log& log);

/// Compares `product` with the reference kernel on made-up cases with more than 64 inputs, one row and several, for one
/// order of the kernel. Libraries have shipped products that are wrong on some machines.
///
/// @retval kBackendFailure  a value is off; the log says which.
Status CheckInt8Product(CheckedProductFn product, bool outputs_first, const Log& log);

/// The same for KernelTable::product_of_columns of `kernels`.
///
/// @retval kBackendFailure
Status CheckProductOfColumns(const KernelTable& kernels, const Log& log);

/// A kind of int8 products; `check` gives kBackendFailure when one is wrong, kUnsupported when there are none.
struct Int8Candidate {
  Int8Products kind;
  const char* library;
  Status (*check)(const Log& log);
};

/// The first kind that is there and right, or kReference; a word in the log for each that is wrong.
///
/// @retval kOutOfMemory
Status ChooseRightProducts(Span<const Int8Candidate> candidates, const Log& log, Int8Products* chosen);

/// XNNPACK's and our own, for CheckInt8Product. kUnsupported where they are not built in.
Status RunXnnpackProductOnce(const ProductWeights& weights, Mat<const int8_t> x, const RowQuantization* params,
                             MatF out, const Log& log);
Status RunPanelProductOnce(const ProductWeights& weights, Mat<const int8_t> x, const RowQuantization* params, MatF out,
                           const Log& log);

}  // namespace smx

#endif  // SMX_BACKENDS_PRODUCT_H_
