#include "backends/backend.h"

#include <algorithm>

#include "backends/product.h"
#include "base/fixed_array.h"
#include "base/log.h"

#if SMX_WITH_XNNPACK
#include "backends/xnnpack/fully_connected.h"
#endif

namespace smx {

#if SMX_WITH_XNNPACK

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
  kernels = MakeKernelTable(options.backend != BackendChoice::kReference);
  if (options.backend == BackendChoice::kReference) return Status::kOk;
  SMX_TRY(threads.Create(options.num_threads));
  if (!has_int8_products) return Status::kOk;
  if (XnnpackExtraBytes() > kExtraInputBytes || XnnpackExtraRows() > kExtraInputRows) {
    return Fail(log, Status::kBackendFailure, "xnnpack: reads further behind its inputs than was planned");
  }
  const Status initialized = InitializeXnnpack(log);
  if (initialized == Status::kOutOfMemory) return initialized;
  if (initialized != Status::kOk) {
    LogF(log, "xnnpack: cannot be used in this process; the slow reference kernels compute instead");
    return Status::kOk;
  }
  use_xnnpack = true;
  for (const bool outputs_first : {false, true}) {
    const Status checked = CheckInt8Product(RunXnnpackProductOnce, outputs_first, log);
    if (checked == Status::kBackendFailure) use_xnnpack = false;
    if (checked != Status::kOk && checked != Status::kBackendFailure) return checked;
  }
  if (!use_xnnpack) {
    LogF(log, "xnnpack: its int8 product is wrong on this machine (%s); the slow reference kernels compute instead",
         IsaName());
    return Status::kOk;
  }
  lock = std::unique_lock<std::mutex>(shared->mutex);
  if (shared->content == nullptr) shared->content = MakeUnique<PackedStore>();
  if (shared->content == nullptr) return Status::kOutOfMemory;
  return packed.Create(static_cast<PackedStore*>(shared->content.get()));
}

void Backend::FinishCreation() {
  if (!use_xnnpack) return;
  packed.Finish();
  packed_bytes = packed.bytes();
  lock.unlock();
}

#else

Status Backend::Create(const Options& options, bool, SharedSlot*) {
  log = options.log;
  kernels = MakeKernelTable(options.backend != BackendChoice::kReference);
  return Status::kOk;
}

void Backend::FinishCreation() {}

#endif

void Transpose(const Backend& backend, ConstMatF in, MatF out) {
  backend.SplitRows(in.cols, in.rows, [&](size_t first, size_t count) {
    backend.kernels.transpose({in.data + first, in.rows, count, in.stride}, out.Rows(first, count));
  });
}

}  // namespace smx
