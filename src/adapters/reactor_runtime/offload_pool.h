#pragma once
// A fixed number of threads that run blocking work in the order it came. The queue holds at most one item per waiting
// fiber, so it is bounded by the number of fibers.

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace barrio::adapters {

class OffloadPool {
 public:
  explicit OffloadPool(size_t threads);
  ~OffloadPool();
  OffloadPool(const OffloadPool&) = delete;
  OffloadPool& operator=(const OffloadPool&) = delete;

  void submit(std::function<void()> work);
  /// Drops what has not begun, waits for the rest, ends the threads.
  void stop();

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace barrio::adapters
