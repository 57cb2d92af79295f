#pragma once
// How long a process that has failed waits until it is started again: twice as long each time, and from the beginning
// after it has been well for a while. Pure: `now` is an argument.

#include <algorithm>
#include <optional>
#include <utility>

#include "base/time.h"

namespace barrio::adapters {

struct BackOffConfig {
  Duration first = 100ms;
  Duration longest = 10s;
  Duration well_after = 30s;
};

class BackOff {
 public:
  explicit BackOff(BackOffConfig config) : config_(config), next_(config.first) {}

  /// It works.
  void started(Time now) { well_since_ = now; }
  /// It does not, or no longer; how long to wait.
  Duration failed(Time now) {
    if (well_since_ && now - *well_since_ >= config_.well_after) next_ = config_.first;
    well_since_.reset();
    const Duration wait = next_;
    next_ = std::min(next_ * 2, config_.longest);
    return wait;
  }

 private:
  BackOffConfig config_;
  Duration next_;
  std::optional<Time> well_since_;
};

}  // namespace barrio::adapters
