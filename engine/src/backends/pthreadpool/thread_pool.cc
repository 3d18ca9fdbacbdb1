#include "backends/pthreadpool/thread_pool.h"

#include <pthread.h>
#include <pthreadpool.h>

namespace smx {
namespace {

constexpr size_t kMaxThreads = 64;

void* WaitForGate(void* gate) {
  pthread_mutex_lock(static_cast<pthread_mutex_t*>(gate));
  pthread_mutex_unlock(static_cast<pthread_mutex_t*>(gate));
  return nullptr;
}

/// Whether `count` threads can be there at once. The library ignores a pthread_create that failed, and then waits for
/// that thread for ever; so the threads are asked for here first. The C library keeps the stacks of a few for the next.
bool CanHaveThreads(size_t count) {
  pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&gate);
  pthread_t threads[kMaxThreads];
  size_t created = 0;
  while (created < count && pthread_create(&threads[created], nullptr, WaitForGate, &gate) == 0) ++created;
  pthread_mutex_unlock(&gate);
  for (size_t i = 0; i < created; ++i) pthread_join(threads[i], nullptr);
  return created == count;
}

}  // namespace

ThreadPool::~ThreadPool() {
  if (handle_ != nullptr) pthreadpool_destroy(handle_);
}

Status ThreadPool::Create(size_t num_threads) {
  if (num_threads <= 1) return Status::kOk;
  if (num_threads > kMaxThreads) return Status::kInvalidArgument;
  if (!CanHaveThreads(num_threads - 1)) return Status::kOutOfMemory;
  handle_ = pthreadpool_create(num_threads);
  return handle_ == nullptr ? Status::kOutOfMemory : Status::kOk;
}

}  // namespace smx
