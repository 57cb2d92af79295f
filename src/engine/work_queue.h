#pragma once
// Blocking or long work that is no model's run (loading, large JSON), off the loop: a bounded queue before a pool of
// threads. Lives on the loop.

#include <deque>
#include <functional>
#include <vector>

#include "net/worker_pool.h"

namespace barrio::engine {

class WorkQueue {
 public:
  WorkQueue(net::Reactor& reactor, size_t workers, size_t most_waiting);
  /// Runs `work` on one of the threads, then `done` on the loop. False: the queue is full, and nothing happens.
  bool run(std::function<void()> work, std::function<void()> done);
  size_t waiting() const { return waiting_.size(); }

 private:
  struct Piece {
    std::function<void()> work;
    std::function<void()> done;
  };
  void start(size_t worker, Piece piece);

  size_t most_waiting_;
  std::deque<Piece> waiting_;
  std::vector<size_t> free_;
  net::WorkerPool pool_;  // last: its end waits for work that uses the rest
};

}  // namespace barrio::engine
