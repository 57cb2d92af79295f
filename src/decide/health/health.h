#pragma once
// When a workload that ended is started again, and what answers in a row mean. Pure: time and chance are arguments.

#include "base/rng.h"
#include "base/time.h"

namespace barrio::decide {

/// The wait before each restart: doubled up to a bound, less up to a quarter by chance, so that what failed together
/// does not come back together. Having run for `healthy_after`, it starts anew.
class RestartDelay {
 public:
  struct Limits {
    Duration first = 500ms;
    Duration longest = 60s;
    Duration healthy_after = 60s;
  };
  explicit RestartDelay(Limits limits) : limits_(limits), next_(limits.first) {}
  Duration after_running(Duration ran, Rng& rng) {
    if (ran >= limits_.healthy_after) next_ = limits_.first;
    const Duration wait = next_;
    next_ = std::min(next_ * 2, limits_.longest);
    return wait - from_ms(to_ms(wait) * 0.25 * rng.unit());
  }

 private:
  Limits limits_;
  Duration next_;
};

/// Bad answers in a row; one good one forgets them.
class Misses {
 public:
  void note(bool good) { in_a_row_ = good ? 0 : in_a_row_ + 1; }
  bool reached(int most) const { return in_a_row_ >= most; }

 private:
  int in_a_row_ = 0;
};

}  // namespace barrio::decide
