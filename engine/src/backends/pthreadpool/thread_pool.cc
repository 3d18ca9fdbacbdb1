#include "backends/pthreadpool/thread_pool.h"

#include <pthread.h>
#include <pthreadpool.h>

#include <atomic>

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

/// The library orders what its threads write before Run returns, which the thread sanitizer cannot see; the counts say
/// it once more.
struct Job {
  ThreadPool::Task task;
  const void* context;
  std::atomic<size_t> begun{0};
  std::atomic<size_t> ended{0};
};

void RunPart(void* job_address, size_t thread, size_t part) {
  Job* const job = static_cast<Job*>(job_address);
  job->begun.fetch_add(1, std::memory_order_acquire);
  job->task(job->context, thread, part);
  job->ended.fetch_add(1, std::memory_order_release);
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
  if (handle_ == nullptr) return Status::kOutOfMemory;
  num_threads_ = num_threads;
  return Status::kOk;
}

void ThreadPool::Run(size_t parts, Task task, const void* context) const {
  Job job = {task, context};
  job.begun.store(0, std::memory_order_release);
  pthreadpool_parallelize_1d_with_thread(handle_, RunPart, &job, parts, /*flags=*/0);
  job.ended.load(std::memory_order_acquire);
}

void ThreadPool::Rest() const {
  if (handle_ == nullptr) return;
  const auto nothing = [](void*, size_t) {};
  pthreadpool_parallelize_1d(handle_, nothing, nullptr, num_threads_, PTHREADPOOL_FLAG_YIELD_WORKERS);
}

}  // namespace smx
