#pragma once
// Virtual time. A SimLoop owns the clock, the timers and all fibers of a simulated world; the same seed gives the same
// run, event for event. A SimRuntime is one simulated process on it: a service runs on it as it would on a reactor, and
// kill() ends it as kill -9 would, at whatever wait each of its fibers is in.

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/fiber.h"
#include "ports/runtime.h"

namespace barrio::sim {

class SimLoop {
 public:
  using TimerId = std::pair<Time, uint64_t>;

  explicit SimLoop(uint64_t seed) : rng_(seed) {}
  Time now() const { return now_; }
  Rng& rng() { return rng_; }
  FiberScheduler& scheduler() { return scheduler_; }

  /// Runs `action` outside of fibers. Timers of the same instant run in the order in which they were made.
  TimerId at(Time when, std::function<void()> action);
  TimerId after(Duration delay, std::function<void()> action) { return at(now_ + delay, std::move(action)); }
  void cancel(const TimerId& timer) { timers_.erase(timer); }
  /// Lets everything happen up to and including `until`, and ends there.
  void run_until(Time until);
  void run_for(Duration duration) { run_until(now_ + duration); }

 private:
  Time now_{};
  uint64_t made_ = 0;
  std::map<TimerId, std::function<void()>> timers_;
  Rng rng_;
  FiberScheduler scheduler_;  // last: fibers, when unwound, cancel their timers
};

/// A machine's clock of the day. Setting it moves nothing else: what waits, waits as long as before.
struct WallClock {
  std::chrono::milliseconds ahead{0};  // of the right time
};

class SimRuntime final : public ports::Runtime {
 public:
  /// `clock`: of its machine, which outlives it; none: one that is always right.
  SimRuntime(SimLoop& loop, std::string name, const WallClock* clock = nullptr)
      : loop_(loop), name_(std::move(name)), clock_(clock), rng_(loop.rng().next()) {}
  ~SimRuntime() override { kill(); }
  SimRuntime(const SimRuntime&) = delete;
  SimRuntime& operator=(const SimRuntime&) = delete;

  Time now() override { return loop_.now(); }
  WallTime wall() override;
  void sleep_until(Time until) override;
  void spawn(std::string name, std::function<void()> body) override;
  /// The work takes no virtual time, but there is a wait before it, where a crash may strike.
  void offload(std::function<void()> work) override;
  std::unique_ptr<ports::Signal> make_signal() override;
  Rng& rng() override { return rng_; }
  bool stopping() override { return false; }

  /// Unwinds all fibers that were spawned here. Not called in a fiber.
  void kill();

 private:
  SimLoop& loop_;
  std::string name_;
  const WallClock* clock_;
  Rng rng_;
  std::vector<Fiber*> fibers_;  // in the order of spawning
};

}  // namespace barrio::sim
