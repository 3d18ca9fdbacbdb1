#include "support/heap.h"

#include <atomic>
#include <cerrno>
#include <cstdlib>

#include <sys/wait.h>
#include <unistd.h>

extern "C" {
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);
void __libc_free(void*);
}

namespace smx::tests {
namespace {

constexpr size_t kNever = static_cast<size_t>(-1);

// Read by every thread of the process; changed only while one thread runs.
std::atomic<bool> is_watching{false};
std::atomic<size_t> calls{0}, allocations{0}, failed{0};
std::atomic<std::ptrdiff_t> blocks{0};
size_t fail_first = kNever;
size_t fail_last = kNever;
size_t fork_stride = 0;
bool is_child = false;
size_t num_children = 0;
Failing child_failing = Failing::kOnce;
const AfterChild* after_child = nullptr;

void SetFailing(size_t first, Failing failing) {
  fail_first = first;
  fail_last = failing == Failing::kOnce || first == kNever ? first : kNever - 1;
}

/// In the child the allocation `number` fails; the parent comes back when the child is gone.
void ForkHere(size_t number) {
  const pid_t child = fork();
  if (child < 0) std::abort();
  if (child == 0) {
    is_child = true;
    fork_stride = 0;
    SetFailing(number, child_failing);
    return;
  }
  is_watching = false;
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  ++num_children;
  (*after_child)(number, status);
  is_watching = true;
}

/// Counts an allocation; false when it is to fail.
bool MayAllocate() {
  if (!is_watching.load(std::memory_order_relaxed)) return true;
  calls.fetch_add(1, std::memory_order_relaxed);
  const size_t number = allocations.fetch_add(1, std::memory_order_relaxed);
  if (fork_stride != 0 && number % fork_stride == 0) ForkHere(number);
  if (number < fail_first || number > fail_last || fail_first == kNever) return true;
  failed.fetch_add(1, std::memory_order_relaxed);
  errno = ENOMEM;
  return false;
}

void* Count(void* block) {
  if (block != nullptr && is_watching.load(std::memory_order_relaxed)) blocks.fetch_add(1, std::memory_order_relaxed);
  return block;
}

HeapAccount Watch(const std::function<void()>& function) {
  calls = allocations = failed = 0;
  blocks = 0;
  is_watching = true;
  function();
  is_watching = false;
  SetFailing(kNever, Failing::kOnce);
  return {calls, allocations, failed, blocks};
}

}  // namespace

HeapAccount WatchHeap(const std::function<void()>& function) { return Watch(function); }

HeapAccount WatchFailingHeap(size_t first, Failing failing, const std::function<void()>& function) {
  SetFailing(first, failing);
  return Watch(function);
}

size_t ForkAtAllocations(size_t stride, Failing failing, const AfterChild& after,
                         const std::function<void()>& function) {
  num_children = 0;
  child_failing = failing;
  after_child = &after;
  fork_stride = stride;
  Watch(function);
  fork_stride = 0;
  return num_children;
}

bool IsHeapChild() { return is_child; }

}  // namespace smx::tests

// Libraries find them only where the compiler does not hide them.
#pragma GCC visibility push(default)
extern "C" {

void* malloc(size_t n) {
  using namespace smx::tests;
  return MayAllocate() ? Count(__libc_malloc(n)) : nullptr;
}

void* calloc(size_t n, size_t size) {
  using namespace smx::tests;
  return MayAllocate() ? Count(__libc_calloc(n, size)) : nullptr;
}

void free(void* p) {
  using namespace smx::tests;
  if (is_watching.load(std::memory_order_relaxed)) {
    calls.fetch_add(1, std::memory_order_relaxed);
    if (p != nullptr) blocks.fetch_sub(1, std::memory_order_relaxed);
  }
  __libc_free(p);
}

void* realloc(void* p, size_t n) {
  if (p == nullptr) return malloc(n);
  if (n == 0) {
    free(p);
    return nullptr;
  }
  return smx::tests::MayAllocate() ? __libc_realloc(p, n) : nullptr;
}

void* memalign(size_t alignment, size_t n) {
  using namespace smx::tests;
  return MayAllocate() ? Count(__libc_memalign(alignment, n)) : nullptr;
}

void* aligned_alloc(size_t alignment, size_t n) { return memalign(alignment, n); }

int posix_memalign(void** out, size_t alignment, size_t n) {
  void* block = memalign(alignment, n);
  if (block == nullptr) return ENOMEM;
  *out = block;
  return 0;
}

}  // extern "C"
#pragma GCC visibility pop
