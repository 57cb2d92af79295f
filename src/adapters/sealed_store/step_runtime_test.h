#pragma once
// A Runtime of fibers, whose work on other threads ends when the test says so.

#include <deque>
#include <functional>
#include <utility>
#include <vector>

#include "base/fiber.h"
#include "ports/runtime.h"

namespace barrio::adapters::sealed_store {

class StepRuntime final : public ports::Runtime {
 public:
  Time now() override { return {}; }
  WallTime wall() override { return {}; }
  void sleep_until(Time) override {}
  void spawn(std::string name, std::function<void()> body) override { fibers.spawn(std::move(name), std::move(body)); }
  void offload(std::function<void()> work) override {
    bool done = false;
    jobs.push_back([&, fiber = fibers.current()] {
      work();
      done = true;
      fibers.ready(fiber);
    });
    while (!done) fibers.park();
  }
  std::unique_ptr<ports::Signal> make_signal() override { return std::make_unique<StepSignal>(*this); }
  Rng& rng() override { return rng_; }
  bool stopping() override { return false; }

  void run_fibers() {
    while (fibers.run_one()) {
    }
  }
  void end_job() {
    jobs.front()();
    jobs.pop_front();
    run_fibers();
  }

  std::deque<std::function<void()>> jobs;
  FiberScheduler fibers;

 private:
  class StepSignal final : public ports::Signal {
   public:
    explicit StepSignal(StepRuntime& runtime) : runtime_(runtime) {}
    bool wait_until(Time) override {
      waiting_.push_back(runtime_.fibers.current());
      runtime_.fibers.park();
      return true;
    }
    void notify() override {
      for (Fiber* fiber : std::exchange(waiting_, {})) runtime_.fibers.ready(fiber);
    }

   private:
    StepRuntime& runtime_;
    std::vector<Fiber*> waiting_;
  };

  Rng rng_{1};
};

}  // namespace barrio::adapters::sealed_store
