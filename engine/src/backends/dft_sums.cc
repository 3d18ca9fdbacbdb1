#include "backends/dft_sums.h"

#include "backends/packed/packed_store.h"
#include "base/fixed_array.h"

namespace smx {
namespace {

constexpr float kStep = 1.0f / kDftScale;

/// What ProductWeights::made_matrix says of them: matrices of the same part and size are of two lengths.
uint32_t MadeMatrix(DftPart part, size_t length) {
  return 1 + 2 * static_cast<uint32_t>(part) + static_cast<uint32_t>(length % 2);
}

}  // namespace

void DftSums::Prepare(DftPart part, WeightType type) {
  part_ = part;
  type_ = type;
}

ProductWeights DftSums::WeightsOf(size_t length, size_t outputs, const void* matrix) const {
  ProductWeights weights;
  weights.type = type_;
  weights.inputs = Count(length);
  weights.outputs = outputs;
  // The matrix is symmetric. The reference kernels are quicker so: int8 along inputs, float32 along outputs.
  weights.outputs_first = type_ == WeightType::kQc8w;
  weights.stride = static_cast<ptrdiff_t>(weights.outputs_first ? weights.inputs : outputs);
  weights.kernel = matrix;
  weights.made_matrix = MadeMatrix(part_, length);
  weights.scales = &kStep;
  weights.has_one_scale = true;
  return weights;
}

const void* DftSums::FillMatrix(size_t length, size_t outputs, const DftScratch& scratch) const {
  float* const cosines = scratch.twiddles;
  float* const sines = scratch.twiddles + length;
  MakeTwiddles(length, cosines, sines);
  const float* const twiddles = part_ == DftPart::kCosines ? cosines : sines;
  if (type_ == WeightType::kF32) {
    FillDftMatrix(twiddles, length, part_, DenseMat(static_cast<float*>(scratch.matrix), Count(length), outputs));
  } else {
    FillDftMatrix(twiddles, length, part_, DenseMat(static_cast<int8_t*>(scratch.matrix), outputs, Count(length)));
  }
  return scratch.matrix;
}

Status DftSums::Pack(size_t length, size_t outputs, size_t max_rows, Backend* backend, Product* product) const {
  FixedArray<float> twiddles;
  FixedArray<int8_t> matrix;
  SMX_TRY(twiddles.Allocate(2 * length));
  SMX_TRY(matrix.Allocate(Count(length) * outputs));
  const DftScratch scratch = {twiddles.data(), matrix.data()};
  return product->Create(WeightsOf(length, outputs, FillMatrix(length, outputs, scratch)), max_rows, backend);
}

Status DftSums::Create(size_t length, size_t max_rows, bool first_alone, Backend* backend) {
  const size_t count = Count(length);
  if (type_ == WeightType::kF32 || !backend->has_fast_int8() || count == 0) return Status::kOk;
  packed_length_ = length;
  SMX_TRY(Pack(length, count, max_rows, backend, &all_));
  has_first_ = first_alone && count > 1;
  return has_first_ ? Pack(length, 1, max_rows, backend, &first_) : Status::kOk;
}

Product* DftSums::PackedFor(size_t length, size_t outputs) {
  if (length != packed_length_) return nullptr;
  if (outputs == Count(length)) return &all_;
  return has_first_ ? &first_ : nullptr;
}

Status DftSums::Run(size_t length, const ProductInput& in, const DftScratch& scratch, MatF out, Backend* backend) {
  if (Product* const packed = PackedFor(length, out.cols); packed != nullptr) return packed->Run(in, out, backend);
  RunUnpackedProduct(WeightsOf(length, out.cols, FillMatrix(length, out.cols, scratch)), in, out, backend);
  return Status::kOk;
}

bool DftSums::HasColumns(const Backend& backend) const {
  return HasProductOfColumns(WeightsOf(1, 1, /*matrix=*/nullptr), backend);
}

#if SMX_WITH_XNNPACK

Status DftSums::CreateForColumns(size_t length, Backend* backend) {
  const size_t count = Count(length);
  if (count == 0) return Status::kOk;
  packed_length_ = length;
  SMX_TRY(backend->ReserveRowSums(count));
  FixedArray<float> twiddles;
  SMX_TRY(twiddles.Allocate(2 * length));
  const PackedKey key = backend->store->KeyOf(WeightsOf(length, count, /*matrix=*/nullptr), PackedKey::kRows);
  return backend->store->FindOrPack(
      key, count * count, backend->log,
      [&](uint8_t* rows) {
        FillMatrix(length, count, {twiddles.data(), rows});
      },
      &rows_);
}

#else

Status DftSums::CreateForColumns(size_t, Backend*) { return Status::kUnsupported; }

#endif

void DftSums::RunColumns(size_t length, ConstMatF in, const DftScratch& scratch, uint8_t* room, MatF out,
                         Backend* backend) {
  const void* const matrix = length == packed_length_ ? rows_->data : FillMatrix(length, out.rows, scratch);
  RunProductOfColumns(WeightsOf(length, out.rows, matrix), in, room, out, backend);
}

uint64_t DftMatrixValues(size_t length) {
  const uint64_t even = EvenLength(length), odd = OddLength(length);
  return even * even + odd * odd;
}

uint64_t FourierMacs(size_t n, size_t d, bool is_hartley) {
  const uint64_t even = EvenLength(n), odd = OddLength(n);
  const uint64_t even_hidden = EvenLength(d), odd_hidden = OddLength(d);
  const uint64_t rows_with_cosines = is_hartley ? n : even;
  const uint64_t rows_with_sines = is_hartley ? n : odd;
  return d * DftMatrixValues(n) + rows_with_cosines * even_hidden * even_hidden +
         rows_with_sines * odd_hidden * odd_hidden;
}

}  // namespace smx
