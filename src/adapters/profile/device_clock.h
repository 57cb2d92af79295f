#pragma once
// The time of an emulated device: a port, so that its tests take no time.

#include "base/time.h"

namespace barrio::adapters {

class DeviceClock {
 public:
  virtual ~DeviceClock() = default;
  virtual Time now() = 0;
  /// Blocks the calling thread until `end`; the last `spin` of it without giving up the core.
  virtual void wait_until(Time end, Duration spin) = 0;
};

/// CLOCK_MONOTONIC with absolute sleeps. Sets the calling thread's timer slack to 1 us (the kernel's default is 50).
class PreciseClock final : public DeviceClock {
 public:
  Time now() override;
  void wait_until(Time end, Duration spin) override;
};

}  // namespace barrio::adapters
