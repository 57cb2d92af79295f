#pragma once
// Threads for blocking work of a reactor's application (a model's run). Every worker does one piece of work at a time
// and holds no queue: who waits, and for how long, is decided on the loop. Workers that compute yield the cores to
// threads that carry requests. Lives on the reactor's thread.

#include <functional>
#include <memory>

#include "net/reactor.h"

namespace barrio::net {

/// One piece of work: when its worker began, which is later than it was handed over where cores are scarce, and how
/// long it took from there.
struct WorkDone {
  Time began{};
  Duration took{};
};

/// compute: here, for long. wait: for another process that does; an answer on its way back must not queue behind what
/// computes.
enum class WorkersDo { compute, wait };

class WorkerPool {
 public:
  WorkerPool(Reactor& reactor, size_t workers, WorkersDo what = WorkersDo::compute);
  /// Waits for the work in progress; its `done` is not called any more.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  size_t workers() const;
  /// Runs `work` on the thread of this worker, always the same, then `done` on the loop. The worker must be free:
  /// before its first work, or from its last one's `done` on.
  void run(size_t worker, std::function<void()> work, std::function<void(WorkDone)> done);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace barrio::net
