#pragma once
// Time, fibers and blocking work as services see them. Implemented over a reactor (adapters/reactor_runtime) and over
// virtual time (sim). One Runtime is one loop on one thread: nothing that runs on it needs a lock.

#include <functional>
#include <memory>
#include <string>

#include "base/rng.h"
#include "base/time.h"

namespace barrio::ports {

/// Wakes fibers of the same loop. A notify that nobody waits for is remembered once.
class Signal {
 public:
  virtual ~Signal() = default;
  /// Parks the calling fiber until notified (true) or `until` is reached (false).
  virtual bool wait_until(Time until) = 0;
  virtual void notify() = 0;
};

class Runtime {
 public:
  virtual ~Runtime() = default;
  virtual Time now() = 0;
  virtual WallTime wall() = 0;
  /// Parks the calling fiber.
  virtual void sleep_until(Time until) = 0;
  /// Starts `body` as a fiber of this loop, soon, not at once. `name` shows in logs.
  virtual void spawn(std::string name, std::function<void()> body) = 0;
  /// Runs blocking work on a bounded pool and parks the calling fiber until it is done.
  virtual void offload(std::function<void()> work) = 0;
  virtual std::unique_ptr<Signal> make_signal() = 0;
  virtual Rng& rng() = 0;
  /// True once the process should end; fibers that loop look at it after every wait. Offloaded work may ask it, too.
  virtual bool stopping() = 0;

  void sleep_for(Duration duration) { sleep_until(now() + duration); }
};

}  // namespace barrio::ports
