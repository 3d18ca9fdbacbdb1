#ifndef SMX_TESTS_SUPPORT_HEAP_H_
#define SMX_TESTS_SUPPORT_HEAP_H_

#include <cstddef>
#include <functional>

namespace smx::tests {

// The heap of the whole process, libraries included, counted and made to fail. heap.cc replaces malloc and its kin, so
// it belongs into executables of its own, which no sanitizer builds. One function at a time.

/// What happened while a function ran.
struct HeapAccount {
  size_t calls = 0;        // of any kind
  size_t allocations = 0;  // that might have failed: malloc, calloc, realloc to a size, and the aligned ones
  size_t failed = 0;
  std::ptrdiff_t blocks_left = 0;  // allocated and not freed, or with a minus the other way round
};

/// Runs `function` and counts.
HeapAccount WatchHeap(const std::function<void()>& function);

enum class Failing {
  kOnce,         // one allocation fails, the next succeeds again
  kFromThereOn,  // it and every later one
};

/// The same with allocation number `first`, from 0 on, failing.
HeapAccount WatchFailingHeap(size_t first, Failing failing, const std::function<void()>& function);

/// How a child process ended in which allocation number `allocation` failed; `wait_status` as waitpid has it.
using AfterChild = std::function<void(size_t allocation, int wait_status)>;

/// Runs `function`, which must end by _exit in a child (IsHeapChild), and before every `stride`-th allocation forks: in
/// the child that one fails, and the parent waits for the child's end and goes on. So every allocation of a long
/// program can fail at the cost of one run. For programs of one thread. Gives the number of children.
size_t ForkAtAllocations(size_t stride, Failing failing, const AfterChild& after,
                         const std::function<void()>& function);

/// Whether this is a process that ForkAtAllocations made.
bool IsHeapChild();

}  // namespace smx::tests

#endif  // SMX_TESTS_SUPPORT_HEAP_H_
