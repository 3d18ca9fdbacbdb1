// Work in order: what comes back is what a loop over the items gives, however the threads take turns.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>

#include <doctest/doctest.h>

#include "ordered_work.h"

using smx::tools::NumProcessors;
using smx::tools::OrderedWork;

namespace {

struct Item {
  size_t number = 0;
  size_t answer = 0;
};

/// Longer for some, so that later items are done before earlier ones.
void WorkFor(const Item& item) { std::this_thread::sleep_for(std::chrono::microseconds(item.number % 7 * 50)); }

/// Opened by one thread, waited for by others.
class Gate {
 public:
  void Open() {
    const std::lock_guard<std::mutex> lock(mutex_);
    is_open_ = true;
    opened_.notify_all();
  }
  void Wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    opened_.wait(lock, [this] { return is_open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  bool is_open_ = false;
};

}  // namespace

TEST_CASE("ordered work: items come back in order, each worked on once, whatever the number of threads") {
  constexpr size_t kItems = 3000;
  for (const size_t num_threads : {1, 2, 5, 64}) {
    CAPTURE(num_threads);
    std::atomic<size_t> num_worked{0};
    OrderedWork<Item> work(num_threads, [&](size_t, Item* item) {
      WorkFor(*item);
      item->answer += item->number * 3 + 1;
      ++num_worked;
    });
    size_t given = 0;
    size_t num_wrong = 0;
    for (size_t taken = 0; taken < kItems;) {
      if (given < kItems && !work.IsFull()) {
        work.Give({given++, 0}, 1);
        continue;
      }
      Item item;
      work.Take(&item);
      num_wrong += item.number != taken || item.answer != taken * 3 + 1;
      ++taken;
    }
    CHECK(num_wrong == 0);
    CHECK(num_worked == kItems);
    CHECK(work.size() == 0);
  }
}

TEST_CASE("ordered work: as many items at once as threads, no more, and a thread's number is its own") {
  constexpr size_t kThreads = 3;
  std::mutex mutex;
  std::set<size_t> running;
  size_t most = 0;
  bool is_own = true;
  {
    OrderedWork<Item> work(kThreads, [&](size_t thread, Item*) {
      {
        const std::lock_guard<std::mutex> lock(mutex);
        is_own &= thread < kThreads && running.insert(thread).second;
        most = std::max(most, running.size());
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      const std::lock_guard<std::mutex> lock(mutex);
      running.erase(thread);
    });
    for (size_t i = 0; i < 50; ++i) work.Give({i, 0}, 1);
    Item item;
    while (work.size() != 0) work.Take(&item);
  }
  CHECK(is_own);
  CHECK(most == kThreads);
}

TEST_CASE("ordered work: one thread is the caller's") {
  std::set<std::thread::id> threads;
  OrderedWork<Item> work(1, [&](size_t, Item*) { threads.insert(std::this_thread::get_id()); });
  work.Give({}, 1);
  CHECK(work.IsFull());
  CHECK(work.IsOldestDone());
  CHECK(threads == std::set<std::thread::id>{std::this_thread::get_id()});
  Item item;
  work.Take(&item);
  CHECK_FALSE(work.IsFull());
}

TEST_CASE("ordered work: full at 32 items a thread, or at 16 MiB, or with one item of more") {
  OrderedWork<Item> by_number(2, [](size_t, Item*) {});
  for (size_t i = 0; i < 64; ++i) {
    CHECK_FALSE(by_number.IsFull());
    by_number.Give({i, 0}, 1);
  }
  CHECK(by_number.IsFull());
  OrderedWork<Item> by_bytes(2, [](size_t, Item*) {});
  by_bytes.Give({}, (16 << 20) - 1);
  CHECK_FALSE(by_bytes.IsFull());
  by_bytes.Give({}, 1);
  CHECK(by_bytes.IsFull());
  Item item;
  by_bytes.Take(&item);
  CHECK_FALSE(by_bytes.IsFull());
  by_bytes.Give({}, 1 << 30);
  CHECK(by_bytes.IsFull());
}

TEST_CASE("ordered work: what the work of an item throws is thrown when that item's turn comes, with the item") {
  for (const size_t num_threads : {1, 2, 5}) {
    CAPTURE(num_threads);
    OrderedWork<Item> work(num_threads, [](size_t, Item* item) {
      item->answer = 1;
      if (item->number % 3 == 2) throw std::runtime_error("item " + std::to_string(item->number));
    });
    for (size_t i = 0; i < 30; ++i) work.Give({i, 0}, 1);
    for (size_t i = 0; i < 30; ++i) {
      Item item;
      if (i % 3 == 2) {
        CHECK_THROWS_WITH_AS(work.Take(&item), ("item " + std::to_string(i)).c_str(), std::runtime_error);
      } else {
        work.Take(&item);
      }
      CHECK(item.number == i);
      CHECK(item.answer == 1);
    }
  }
}

TEST_CASE("ordered work: at its end it waits for items that are begun, and begins no further one") {
  Gate begun, may_end;
  std::atomic<size_t> num_begun{0}, num_ended{0};
  std::thread opener;
  {
    OrderedWork<Item> work(2, [&](size_t, Item*) {
      if (++num_begun == 2) begun.Open();
      may_end.Wait();
      ++num_ended;
    });
    for (size_t i = 0; i < 40; ++i) work.Give({i, 0}, 1);
    begun.Wait();
    CHECK_FALSE(work.IsOldestDone());
    opener = std::thread([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(500));
      may_end.Open();
    });
  }
  CHECK(num_begun == 2);
  CHECK(num_ended == 2);
  opener.join();
}

TEST_CASE("ordered work: there is a processor") {
  CHECK(NumProcessors() >= 1);
  CHECK(NumProcessors() <= 64);
}
