#ifndef SMX_TOOLS_LIB_TEXTS_ORDERED_WORK_H_
#define SMX_TOOLS_LIB_TEXTS_ORDERED_WORK_H_

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace smx::tools {

/// How many threads this process may use at once, 1 to 64.
size_t NumProcessors();

/// Threads that do tasks side by side, and are asked for the ends of these in the order in which they were added. Its
/// functions are called from one thread.
class OrderedThreads {
 public:
  using Task = std::function<void(size_t thread)>;  // thread < num_threads

  /// Threads are started when tasks want them. With one, tasks are done within Add, and none is started.
  explicit OrderedThreads(size_t num_threads) : num_threads_(num_threads) {}
  OrderedThreads(const OrderedThreads&) = delete;
  OrderedThreads& operator=(const OrderedThreads&) = delete;
  /// Waits for tasks that a thread has begun; those that none has begun are never done.
  ~OrderedThreads();

  /// Error(kCannotWrite) when no thread can be started.
  void Add(Task task);

  /// Of tasks that were added and not taken, of which there is one at least.
  bool IsOldestDone() const;
  /// Waits for its end; what it threw, or null.
  std::exception_ptr TakeOldest();

 private:
  struct Entry {
    Task task;
    bool is_done = false;
    std::exception_ptr failure = nullptr;
  };

  void Serve(size_t thread);
  static void Do(Entry* entry, size_t thread) noexcept;
  void StartThreadIfWanted();

  const size_t num_threads_;
  mutable std::mutex mutex_;
  std::condition_variable is_added_, is_oldest_done_;
  std::deque<Entry> entries_;  // oldest first
  size_t num_begun_ = 0;       // of entries_, from the front on
  size_t num_idle_ = 0;
  bool is_over_ = false;
  std::vector<std::thread> threads_;
};

/// A stream of items that threads work on, each item by one thread, and that come back in the order of
///
///   for each item: work(0, &item)
///
/// How many are on the way is bounded, in number and in bytes, by who asks IsFull before Give.
template <typename Item>
class OrderedWork {
 public:
  using Work = std::function<void(size_t thread, Item* item)>;

  /// `work` is called from several threads, with one `thread` from one at a time.
  OrderedWork(size_t num_threads, Work work)
      : max_items_(num_threads == 1 ? 1 : kItemsPerThread * num_threads),
        work_(std::move(work)),
        threads_(num_threads) {}

  /// Items on the way: given and not taken.
  size_t size() const { return on_the_way_.size(); }
  bool IsFull() const { return size() >= max_items_ || bytes_ >= kMaxBytes; }

  /// `bytes` is about what the item holds.
  void Give(Item item, size_t bytes) {
    on_the_way_.push_back({std::move(item), bytes});
    bytes_ += bytes;
    threads_.Add([this, given = &on_the_way_.back()](size_t thread) { work_(thread, &given->item); });
  }

  /// Of the items on the way, of which there is one at least.
  bool IsOldestDone() const { return threads_.IsOldestDone(); }

  /// Waits for the oldest and gives it back as the work left it, also when the work threw; throws that then.
  void Take(Item* item) {
    const std::exception_ptr failure = threads_.TakeOldest();
    *item = std::move(on_the_way_.front().item);
    bytes_ -= on_the_way_.front().bytes;
    on_the_way_.pop_front();
    if (failure) std::rethrow_exception(failure);
  }

 private:
  struct Given {
    Item item;
    size_t bytes;
  };

  // One slow item holds up the others when so many came after it.
  static constexpr size_t kItemsPerThread = 32;
  static constexpr size_t kMaxBytes = 16 << 20;

  const size_t max_items_;
  const Work work_;
  size_t bytes_ = 0;
  std::deque<Given> on_the_way_;  // a deque's elements stay where they are
  OrderedThreads threads_;        // goes first: it waits for work on the items
};

}  // namespace smx::tools

#endif  // SMX_TOOLS_LIB_TEXTS_ORDERED_WORK_H_
