#pragma once
// One thread's event loop: readiness (epoll), timers and posted work. Everything on it runs on the thread that calls
// run(); only post() and stop() may be called from elsewhere.

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

#include "base/result.h"
#include "base/time.h"

namespace barrio::net {

/// Told when a watched descriptor is ready. `events` are EPOLL* bits.
class IoHandler {
 public:
  virtual void on_io(uint32_t events) = 0;

 protected:
  ~IoHandler() = default;
};

/// See Reactor::soon.
class SoonTask {
 public:
  virtual void run_soon() = 0;

 protected:
  ~SoonTask() = default;
};

using TimerId = uint64_t;  // 0 is never a timer

/// CLOCK_MONOTONIC now, for other threads than the loop's; on the loop, use Reactor::now().
Time read_clock();

class Reactor {
 public:
  using Clock = Time (*)();
  /// Another clock than read_clock: for tests.
  explicit Reactor(Clock clock = read_clock);
  ~Reactor();
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  /// Monotonic; read from the clock once per turn of the loop.
  Time now() const;
  /// Reads the clock now (and renews now()).
  Time fresh_now();

  void watch(int fd, uint32_t events, IoHandler& handler);
  void change(int fd, uint32_t events, IoHandler& handler);
  /// After this, no event of this turn reaches the handler either.
  void unwatch(int fd, IoHandler& handler);

  TimerId call_at(Time when, std::function<void()> action);
  TimerId call_after(Duration delay, std::function<void()> action);
  void cancel(TimerId timer);

  /// Runs `task` once, before the loop waits again: after all that this turn has brought, or, if that is little, after
  /// the event that asked for it. Not to be asked for again until it has begun to run.
  void soon(SoonTask& task);
  /// It is not run any more.
  void forget(SoonTask& task);

  /// For so long after the last event the loop looks for the next one without sleeping: a core is busy for it, and a
  /// request does not wait for a sleeping core to wake. Zero, the default: the loop sleeps at once.
  void set_busy_poll(Duration most);

  /// Runs `action` on the loop's thread, in order, after the event that is being looked at. Thread-safe.
  void post(std::function<void()> action);
  /// Runs until stop(). Thread-safe stop; also callable from a signal-fd handler.
  void run();
  void stop();
  /// The longest that one turn has kept the loop busy since this was last asked: what everything else had to wait.
  Duration take_longest_turn();
  /// One turn, waiting at most `most`: for tests.
  void turn(Duration most);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace barrio::net
