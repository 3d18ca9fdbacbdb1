#include "backends/xnnpack/fully_connected.h"

#include <cstring>
#include <limits>
#include <new>

#include <xnnpack.h>

#include "base/fixed_array.h"
#include "base/log.h"

namespace smx {
namespace {

static_assert(sizeof(RowQuantization) == sizeof(xnn_quantization_params));
static_assert(offsetof(RowQuantization, zero_point) == offsetof(xnn_quantization_params, zero_point));
static_assert(offsetof(RowQuantization, scale) == offsetof(xnn_quantization_params, scale));

Status StatusOf(xnn_status status, const char* call, const Log& log) {
  if (status == xnn_status_success) return Status::kOk;
  if (status == xnn_status_out_of_memory) return Fail(log, Status::kOutOfMemory, "xnnpack: %s: no memory", call);
  return Fail(log, Status::kBackendFailure, "xnnpack: %s: xnn_status %d", call, static_cast<int>(status));
}

// Kernels with outputs first are packed in steps of so many inputs or fewer, and the last step reads past the end.
constexpr size_t kMaxPackedInputs = 64;

bool IsReadBeyond(const ProductWeights& weights) {
  return weights.outputs_first && weights.inputs % kMaxPackedInputs != 0;
}

/// The library wants rows of the kernel side by side, and may read on behind the last one, where the model's file may
/// end. Null when `weights` can be taken as they are.
Status CopyDense(const ProductWeights& weights, FixedArray<int8_t>* copy) {
  const size_t rows = weights.outputs_first ? weights.outputs : weights.inputs;
  const size_t cols = weights.outputs_first ? weights.inputs : weights.outputs;
  if (weights.stride == static_cast<ptrdiff_t>(cols) && !IsReadBeyond(weights)) return Status::kOk;
  SMX_TRY(copy->Allocate(rows * cols + kMaxPackedInputs));
  for (size_t r = 0; r < rows; ++r) std::memcpy(copy->data() + r * cols, weights.Row<int8_t>(r), cols);
  return Status::kOk;
}

/// `kernel` is read when it has to be packed. Channels are scaled by ones, see XnnpackFullyConnected.
xnn_status CreateOperator(const ProductWeights& weights, const int8_t* kernel, xnn_weights_cache_provider* provider,
                          xnn_operator** created) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  FixedArray<float> ones;
  if (ones.Allocate(weights.outputs) != Status::kOk) return xnn_status_out_of_memory;
  for (float& scale : ones) scale = 1.0f;
  const uint32_t flags = weights.outputs_first ? 0 : XNN_FLAG_TRANSPOSE_WEIGHTS;
  return xnn_create_fully_connected_nc_qd8_f32_qc8w(weights.inputs, weights.outputs, weights.inputs, weights.outputs,
                                                    ones.data(), kernel, /*bias=*/nullptr, -kInfinity, kInfinity, flags,
                                                    /*code_cache=*/nullptr, provider, created);
}

/// Weights out of a file may be shorter than what the library's kernels read of them.
Status ProveSize(const ProductWeights& weights, xnn_weights_cache_provider* provider, PackedWeights* packed,
                 const Log& log) {
  if (packed->block() == nullptr || packed->block()->state != PackedBlock::State::kUnproved) return Status::kOk;
  packed->BeginMeasuring();
  xnn_operator* none = nullptr;
  const xnn_status status = CreateOperator(weights, static_cast<const int8_t*>(weights.kernel), provider, &none);
  if (none != nullptr) xnn_delete_operator(none);
  if (packed->EndMeasuring(log)) return Status::kOk;
  if (status == xnn_status_success) return Fail(log, Status::kBackendFailure, "xnnpack: asks for no room to pack");
  return StatusOf(status, "measure fully connected qd8-qc8w", log);
}

}  // namespace

size_t XnnpackExtraBytes() { return XNN_EXTRA_BYTES; }
size_t XnnpackExtraRows() { return XNN_EXTRA_QUANTIZATION_PARAMS; }

Status InitializeXnnpack(const Log& log) {
  // XNNPACK asks cpuinfo, which tries once in a process: where its few kB cannot be had then, XNNPACK is lost for good.
  constexpr size_t kMoreThanCpuinfoNeeds = size_t{64} << 10;
  void* const room = ::operator new(kMoreThanCpuinfoNeeds, std::nothrow);
  if (room == nullptr) return Fail(log, Status::kOutOfMemory, "xnnpack: no memory to initialize it");
  ::operator delete(room);
  return StatusOf(xnn_initialize(nullptr), "initialize", log);
}

XnnpackFullyConnected::~XnnpackFullyConnected() {
  if (operator_ != nullptr) xnn_delete_operator(operator_);
}

Status XnnpackFullyConnected::KeepScales(const ProductWeights& weights) {
  bias_ = weights.bias;
  scales_ = weights.scales;
  if (!weights.has_one_scale) return Status::kOk;
  SMX_TRY(repeated_scale_.Allocate(weights.outputs));
  for (float& scale : repeated_scale_) scale = weights.scales[0];
  scales_ = repeated_scale_.data();
  return Status::kOk;
}

Status XnnpackFullyConnected::Create(const ProductWeights& weights, size_t max_rows, PackedWeights* packed,
                                     const Log& log) {
  SMX_TRY(KeepScales(weights));
  xnn_weights_cache_provider* const provider = packed == nullptr ? nullptr : packed->ProviderFor(weights);
  if (packed != nullptr) SMX_TRY(ProveSize(weights, provider, packed, log));
  FixedArray<int8_t> copy;
  const bool is_packed = packed != nullptr && packed->block() != nullptr;
  if (!is_packed) SMX_TRY(CopyDense(weights, &copy));
  const int8_t* kernel = copy.size() != 0 ? copy.data() : static_cast<const int8_t*>(weights.kernel);
  const xnn_status created = CreateOperator(weights, kernel, provider, &operator_);
  SMX_TRY(StatusOf(created, "create fully connected qd8-qc8w", log));
  if (packed != nullptr) packed_ = packed->block();
  return StatusOf(xnn_reshape_fully_connected_nc_qd8_f32_qc8w(operator_, max_rows, nullptr),
                  "reshape fully connected qd8-qc8w", log);
}

Status XnnpackFullyConnected::Run(Mat<const int8_t> x, const RowQuantization* params, MatF out, pthreadpool* threads) {
  xnn_status status = xnn_reshape_fully_connected_nc_qd8_f32_qc8w(operator_, x.rows, threads);
  if (status == xnn_status_success) {
    status = xnn_setup_fully_connected_nc_qd8_f32_qc8w(operator_, x.data, out.data,
                                                       reinterpret_cast<const xnn_quantization_params*>(params));
  }
  if (status == xnn_status_success) status = xnn_run_operator(operator_, threads);
  return status == xnn_status_success ? Status::kOk : Status::kBackendFailure;
}

}  // namespace smx
