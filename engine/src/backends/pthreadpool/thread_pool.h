#ifndef SMX_BACKENDS_PTHREADPOOL_THREAD_POOL_H_
#define SMX_BACKENDS_PTHREADPOOL_THREAD_POOL_H_

#include <cstddef>
#include <memory>

#include "smx/status.h"

struct pthreadpool;

namespace smx {

/// Worker threads of one session. With one thread there is no pool: the caller's thread does the work.
class ThreadPool {
 public:
  ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool();

  /// @retval kOutOfMemory      the threads could not be created.
  /// @retval kInvalidArgument  more than 64.
  Status Create(size_t num_threads);

  /// Calls task(context, thread, part) for the parts 0 .. parts - 1, on whichever thread below num_threads() is free;
  /// returns when all are done. No heap call.
  using Task = void (*)(const void* context, size_t thread, size_t part);
  void Run(size_t parts, Task task, const void* context) const;

  /// Threads that have worked look out for more for some milliseconds; from now on they sleep.
  void Rest() const;

  size_t num_threads() const { return num_threads_; }

  /// For a library's work; null for one thread.
  pthreadpool* handle() const;

 private:
  struct Job;

  std::unique_ptr<Job> job_;
  pthreadpool* handle_ = nullptr;
  size_t num_threads_ = 1;
};

}  // namespace smx

#endif  // SMX_BACKENDS_PTHREADPOOL_THREAD_POOL_H_
