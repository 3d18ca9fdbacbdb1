#ifndef SMX_BACKENDS_PTHREADPOOL_THREAD_POOL_H_
#define SMX_BACKENDS_PTHREADPOOL_THREAD_POOL_H_

#include <cstddef>
#include <utility>

#include "smx/status.h"

struct pthreadpool;

namespace smx {

/// Worker threads of one session. With one thread there is no pool: the caller's thread does the work.
class ThreadPool {
 public:
  ThreadPool() = default;
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool();

  /// @retval kOutOfMemory      the threads could not be created.
  /// @retval kInvalidArgument  more than 64.
  Status Create(size_t num_threads);

  /// As the library takes it; null for one thread.
  pthreadpool* handle() const { return handle_; }

 private:
  pthreadpool* handle_ = nullptr;
};

}  // namespace smx

#endif  // SMX_BACKENDS_PTHREADPOOL_THREAD_POOL_H_
