#include "backends/backend.h"

#include <algorithm>

#include "backends/product.h"
#include "base/cpu_features.h"
#include "base/fixed_array.h"
#include "base/log.h"

#if SMX_WITH_XNNPACK
#include "backends/xnnpack/fully_connected.h"
#include "backends/xnnpack/packing_fingerprint.h"
#endif

namespace smx {
namespace {

/// Where no product packs weights: with the reference kernels, or in float32.
Status CheckUnpacked(const WeightsFile& weights, const Log& log) {
  if (weights.experts_budget_bytes != 0) {
    return Fail(log, Status::kUnsupported, "experts_budget_bytes %zu: only packed weights, int8, are released",
                weights.experts_budget_bytes);
  }
  if (weights.cache_path == nullptr) return Status::kOk;
  LogF(log, "weights cache %s: nothing is packed here, so it is neither read nor written", weights.cache_path);
  return Status::kOk;
}

}  // namespace

const char* Backend::name() const {
  switch (int8_products) {
    case Int8Products::kPanels:
      return HasAmxInt8() ? "amx" : "vnni";
    case Int8Products::kXnnpack:
      return "xnnpack";
    case Int8Products::kReference:
      break;
  }
  return "reference";
}

#if SMX_WITH_XNNPACK
namespace {

template <CheckedProductFn kProduct>
Status CheckBothOrders(const Log& log) {
  for (const bool outputs_first : {false, true}) SMX_TRY(CheckInt8Product(kProduct, outputs_first, log));
  return Status::kOk;
}

Status CreateStore(const Log& log, SharedSlot* shared) {
  auto store = MakeUnique<PackedStore>(shared->weights);
  if (store == nullptr) return Status::kOutOfMemory;
  if (shared->weights.cache_path != nullptr) {
    PackedFingerprint fingerprint;
    SMX_TRY(FingerprintPacking(shared->weights.sha256, log, &fingerprint));
    SMX_TRY(store->OpenCache(fingerprint, log));
  }
  shared->content = std::move(store);
  return Status::kOk;
}

}  // namespace

size_t Backend::NumParts(size_t size, size_t values) const {
  // About 10 us of work each, many times what it takes to hand it over; more parts than threads, as some are late.
  constexpr size_t kValuesPerPart = 16384;
  constexpr size_t kPartsPerThread = 4;
  if (num_threads() == 1) return 1;
  const uint64_t parts_that_pay = uint64_t{size} * values / kValuesPerPart;  // 32 bits do not hold all products
  const size_t most = std::min(size, num_threads() * kPartsPerThread);
  return static_cast<size_t>(std::min<uint64_t>(most, parts_that_pay));
}

Status Backend::Create(const Options& options, bool has_int8_products, SharedSlot* shared) {
  log = options.log;
  experts_budget_bytes = shared->weights.experts_budget_bytes;
  kernels = MakeKernelTable(options.backend != BackendChoice::kReference);
  if (options.backend == BackendChoice::kReference) return CheckUnpacked(shared->weights, log);
  SMX_TRY(threads.Create(options.num_threads));
  if (!has_int8_products) return CheckUnpacked(shared->weights, log);
  if (XnnpackExtraBytes() > kExtraInputBytes || XnnpackExtraRows() > kExtraInputRows) {
    return Fail(log, Status::kBackendFailure, "xnnpack: reads further behind its inputs than was planned");
  }
  SMX_TRY(ChooseInt8Products(options));
  if (!has_fast_int8()) return CheckUnpacked(shared->weights, log);
  lock = std::unique_lock<std::mutex>(shared->mutex);
  if (shared->content == nullptr) SMX_TRY(CreateStore(log, shared));
  store = static_cast<PackedStore*>(shared->content.get());
  return packed.Create(store);
}

/// XNNPACK is initialized in any case: packed weights are kept for its build.
Status Backend::ChooseInt8Products(const Options& options) {
  const Status initialized = InitializeXnnpack(log);
  if (initialized == Status::kOutOfMemory) return initialized;
  if (initialized != Status::kOk) {
    LogF(log, "xnnpack: cannot be used in this process; the slow reference kernels compute instead");
    return Status::kOk;
  }
  constexpr Int8Candidate kXnnpack = {Int8Products::kXnnpack, "xnnpack", CheckBothOrders<RunXnnpackProductOnce>};
  constexpr Int8Candidate kPanels = {Int8Products::kPanels, "smx", CheckBothOrders<RunPanelProductOnce>};
  const Int8Candidate best_first[] = {kPanels, kXnnpack};
  Span<const Int8Candidate> candidates = best_first;
  if (options.backend == BackendChoice::kXnnpack) candidates = {&best_first[1], 1};
  SMX_TRY(ChooseRightProducts(candidates, log, &int8_products));
  return options.backend == BackendChoice::kXnnpack || !has_fast_int8() ? Status::kOk : CheckColumns();
}

Status Backend::CheckColumns() {
  if (kernels.product_of_columns == nullptr) return Status::kOk;
  const Status checked = CheckProductOfColumns(kernels, log);
  if (checked != Status::kOk && checked != Status::kBackendFailure) return checked;
  has_product_of_columns = checked == Status::kOk;
  if (!has_product_of_columns) {
    LogF(log, "smx: its product of columns is wrong on this machine (%s); columns are transposed instead", IsaName());
  }
  return Status::kOk;
}

Status Backend::FinishCreation() {
  if (!has_fast_int8()) return Status::kOk;
  SMX_TRY(store->FinishCreation(log));
  packed.Finish();
  packed_bytes = store->bytes();
  mapped_bytes = store->mapped_bytes();
  lock.unlock();
  if (experts_budget_bytes == 0 || packed_bytes == mapped_bytes) return Status::kOk;
  return Fail(log, Status::kIoError,
              "experts_budget_bytes %zu: needs all weights in the weights cache, which has %zu "
              "of %zu bytes",
              experts_budget_bytes, mapped_bytes, packed_bytes);
}

#else

Status Backend::Create(const Options& options, bool, SharedSlot* shared) {
  log = options.log;
  kernels = MakeKernelTable(options.backend != BackendChoice::kReference);
  return CheckUnpacked(shared->weights, log);
}

Status Backend::FinishCreation() { return Status::kOk; }

#endif

void Transpose(const Backend& backend, ConstMatF in, MatF out) {
  backend.SplitRows(in.cols, in.rows, [&](size_t first, size_t count) {
    backend.kernels.transpose({in.data + first, in.rows, count, in.stride}, out.Rows(first, count));
  });
}

}  // namespace smx
