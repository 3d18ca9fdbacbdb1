#include "ordered_work.h"

#include <algorithm>
#include <string>
#include <system_error>

#include "error.h"

namespace smx::tools {

size_t NumProcessors() {
  constexpr size_t kMost = 64;
  return std::clamp<size_t>(std::thread::hardware_concurrency(), 1, kMost);
}

OrderedThreads::~OrderedThreads() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    is_over_ = true;
  }
  is_added_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void OrderedThreads::Add(Task task) {
  std::unique_lock<std::mutex> lock(mutex_);
  entries_.push_back({std::move(task)});
  if (num_threads_ == 1) {
    ++num_begun_;
    Do(&entries_.back(), 0);
    entries_.back().is_done = true;
    return;
  }
  StartThreadIfWanted();
  lock.unlock();
  is_added_.notify_one();
}

void OrderedThreads::StartThreadIfWanted() {
  if (num_idle_ >= entries_.size() - num_begun_ || threads_.size() == num_threads_) return;
  try {
    threads_.emplace_back([this, thread = threads_.size()] { Serve(thread); });
  } catch (const std::system_error& error) {
    throw Error(ExitCode::kCannotWrite, "cannot start thread " + std::to_string(threads_.size() + 1) + " of " +
                                            std::to_string(num_threads_) + ": " + error.what() +
                                            "; --threads 1 needs none");
  }
}

void OrderedThreads::Serve(size_t thread) {
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    ++num_idle_;
    is_added_.wait(lock, [this] { return is_over_ || num_begun_ < entries_.size(); });
    --num_idle_;
    if (is_over_) return;
    Entry* const entry = &entries_[num_begun_++];
    lock.unlock();
    Do(entry, thread);
    lock.lock();
    entry->is_done = true;
    if (entry == &entries_.front()) is_oldest_done_.notify_one();
  }
}

void OrderedThreads::Do(Entry* entry, size_t thread) noexcept {
  try {
    entry->task(thread);
  } catch (...) {
    entry->failure = std::current_exception();
  }
}

bool OrderedThreads::IsOldestDone() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return entries_.front().is_done;
}

std::exception_ptr OrderedThreads::TakeOldest() {
  std::unique_lock<std::mutex> lock(mutex_);
  is_oldest_done_.wait(lock, [this] { return entries_.front().is_done; });
  std::exception_ptr failure = std::move(entries_.front().failure);
  entries_.pop_front();
  --num_begun_;
  return failure;
}

}  // namespace smx::tools
