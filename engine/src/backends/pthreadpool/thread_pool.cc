#include "backends/pthreadpool/thread_pool.h"

#include <pthread.h>
#include <pthreadpool.h>

#include <atomic>
#include <utility>

#include "base/fixed_array.h"

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

/// What the threads do now. The library orders what they write before Run returns; the thread sanitizer, which cannot
/// see that, learns it from the two counts.
struct ThreadPool::Job {
  Task task = nullptr;
  const void* context = nullptr;
  bool is_awake = false;
  std::atomic<size_t> num_begun{0};
  std::atomic<size_t> num_ended{0};

  static void RunPart(void* address, size_t thread, size_t part) {
    Job* const job = static_cast<Job*>(address);
    job->num_begun.fetch_add(1, std::memory_order_acquire);
    job->task(job->context, thread, part);
    job->num_ended.fetch_add(1, std::memory_order_release);
  }
};

ThreadPool::ThreadPool() = default;

ThreadPool::~ThreadPool() {
  if (handle_ != nullptr) pthreadpool_destroy(handle_);
}

Status ThreadPool::Create(size_t num_threads) {
  if (num_threads <= 1) return Status::kOk;
  if (num_threads > kMaxThreads) return Status::kInvalidArgument;
  if (!CanHaveThreads(num_threads - 1)) return Status::kOutOfMemory;
  job_ = MakeUnique<Job>();
  if (job_ == nullptr) return Status::kOutOfMemory;
  handle_ = pthreadpool_create(num_threads);
  if (handle_ == nullptr) return Status::kOutOfMemory;
  num_threads_ = num_threads;
  return Status::kOk;
}

void ThreadPool::Run(size_t parts, Task task, const void* context) const {
  job_->task = task;
  job_->context = context;
  job_->is_awake = true;
  job_->num_begun.store(0, std::memory_order_release);
  pthreadpool_parallelize_1d_with_thread(handle_, Job::RunPart, job_.get(), parts, /*flags=*/0);
  job_->num_ended.load(std::memory_order_acquire);
}

pthreadpool* ThreadPool::handle() const {
  if (handle_ != nullptr) job_->is_awake = true;
  return handle_;
}

void ThreadPool::Rest() const {
  if (handle_ == nullptr || !std::exchange(job_->is_awake, false)) return;
  const auto nothing = [](void*, size_t) {};
  pthreadpool_parallelize_1d(handle_, nothing, nullptr, num_threads_, PTHREADPOOL_FLAG_YIELD_WORKERS);
}

}  // namespace smx
