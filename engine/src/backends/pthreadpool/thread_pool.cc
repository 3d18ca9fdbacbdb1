#include "backends/pthreadpool/thread_pool.h"

#include <pthreadpool.h>

namespace smx {

ThreadPool::~ThreadPool() {
  if (handle_ != nullptr) pthreadpool_destroy(handle_);
}

Status ThreadPool::Create(size_t num_threads) {
  if (num_threads <= 1) return Status::kOk;
  handle_ = pthreadpool_create(num_threads);
  return handle_ == nullptr ? Status::kOutOfMemory : Status::kOk;
}

}  // namespace smx
