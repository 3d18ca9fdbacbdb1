#ifndef SMX_BACKENDS_DFT_SUMS_H_
#define SMX_BACKENDS_DFT_SUMS_H_

#include "backends/product.h"
#include "kernels/fourier.h"

namespace smx {

struct PackedBlock;

/// Room for a matrix that no backend has packed.
struct DftScratch {
  float* twiddles;  // [2, length], scratch
  void* matrix;     // [EvenLength(length), EvenLength(length)] of the weights' type, scratch
};

/// The cosine or the sine sums of kernels/fourier.h over folded rows of length n, as a product with a matrix that is in
/// no file. It is packed for one length, once per model; for every other length of a text it is made anew in each run,
/// and read as it is.
class DftSums {
 public:
  void Prepare(DftPart part, WeightType type);

  /// `first_alone`: packs another matrix for the first sum only.
  ///
  /// @retval kOutOfMemory, kBackendFailure
  Status Create(size_t length, size_t max_rows, bool first_alone, Backend* backend);

  /// in [rows, Count(length)], out [rows, Count(length)] or [rows, 1]. No heap call.
  Status Run(size_t length, const ProductInput& in, const DftScratch& scratch, MatF out, Backend* backend);

  /// Whether sums of columns are quick, for every length. With them, in place of the two above:
  bool HasColumns(const Backend& backend) const;
  /// @retval kOutOfMemory
  Status CreateForColumns(size_t length, Backend* backend);
  /// in [Count(length), cols] is folded along columns; out: the first sums of each, [outputs, cols]. room:
  /// ProductOfColumnsBytes. No heap call.
  void RunColumns(size_t length, ConstMatF in, const DftScratch& scratch, uint8_t* room, MatF out, Backend* backend);

  /// How many sums there are; 0 for sines of fewer than three numbers.
  size_t Count(size_t length) const { return part_ == DftPart::kCosines ? EvenLength(length) : OddLength(length); }

 private:
  ProductWeights WeightsOf(size_t length, size_t outputs, const void* matrix) const;
  Status Pack(size_t length, size_t outputs, size_t max_rows, Backend* backend, Product* product) const;
  Product* PackedFor(size_t length, size_t outputs);
  const void* FillMatrix(size_t length, size_t outputs, const DftScratch& scratch) const;

  DftPart part_ = DftPart::kCosines;
  WeightType type_ = WeightType::kF32;
  size_t packed_length_ = 0;  // 0: none
  bool has_first_ = false;
  Product all_, first_;
  const PackedBlock* rows_ = nullptr;  // for columns: the matrix, beside the packed weights
};

/// Of the matrix of cosine sums and that of sine sums.
uint64_t DftMatrixValues(size_t length);

/// Multiply-adds of Fourier or Hartley mixing [n, d] by products when all rows of the output are read: the sequence,
/// then the hidden axis of its cosine and its sine sums.
uint64_t FourierMacs(size_t n, size_t d, bool is_hartley);

}  // namespace smx

#endif  // SMX_BACKENDS_DFT_SUMS_H_
