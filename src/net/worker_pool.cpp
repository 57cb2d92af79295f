#include "net/worker_pool.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "base/check.h"
#include "net/thread_priority.h"

namespace barrio::net {

namespace {

/// Shared with callbacks on their way through the reactor, which may outlive the pool. Touched on the loop only.
struct Alive {
  bool pool = true;
};

struct Worker {
  std::mutex mutex;
  std::condition_variable changed;
  std::function<void()> work;  // guarded
  bool stopping = false;       // guarded
  bool busy = false;           // loop only
  std::thread thread;

  void loop() {
    std::unique_lock lock(mutex);
    while (true) {
      changed.wait(lock, [&] { return stopping || work != nullptr; });
      if (stopping) return;
      const std::function<void()> now = std::exchange(work, nullptr);
      lock.unlock();
      now();
      lock.lock();
    }
  }
};

}  // namespace

struct WorkerPool::State {
  Reactor& reactor;
  std::shared_ptr<Alive> alive = std::make_shared<Alive>();
  std::deque<Worker> workers = {};  // never moved: threads hold their address
};

WorkerPool::WorkerPool(Reactor& reactor, size_t workers, WorkersDo what) : state_(new State{reactor}) {
  for (size_t i = 0; i < workers; ++i) {
    Worker& worker = state_->workers.emplace_back();
    worker.thread = std::thread([&worker, what] {
      what == WorkersDo::compute ? compute_in_background() : carry_requests();
      worker.loop();
    });
  }
}

WorkerPool::~WorkerPool() {
  state_->alive->pool = false;
  for (Worker& worker : state_->workers) {
    const std::lock_guard lock(worker.mutex);
    worker.stopping = true;
    worker.changed.notify_one();
  }
  for (Worker& worker : state_->workers) worker.thread.join();
}

size_t WorkerPool::workers() const {
  return state_->workers.size();
}

void WorkerPool::run(size_t index, std::function<void()> work, std::function<void(WorkDone)> done) {
  Worker& worker = state_->workers.at(index);
  CHECK(!worker.busy);
  worker.busy = true;
  // `done` is only handed through the thread: called, and destroyed where possible, on the loop.
  auto job = [&reactor = state_->reactor, alive = state_->alive, &worker, work = std::move(work),
              done = std::move(done)]() mutable {
    WorkDone ran{.began = read_clock(), .took = {}};
    work();
    ran.took = read_clock() - ran.began;
    reactor.post([alive = std::move(alive), &worker, done = std::move(done), ran] {
      if (!alive->pool) return;
      worker.busy = false;
      done(ran);
    });
  };
  const std::lock_guard lock(worker.mutex);
  worker.work = std::move(job);
  worker.changed.notify_one();
}

}  // namespace barrio::net
