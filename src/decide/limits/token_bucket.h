#pragma once
// A rate limit: `per_second` on average, up to `burst` at once. Kept as one instant, the theoretical arrival time of
// the generic cell rate algorithm (ITU-T I.371 annex A), so that a limit that changes applies from the next request on
// and nothing drifts.

#include <algorithm>
#include <cstdint>

#include "base/time.h"

namespace barrio::decide {

struct Rate {
  double per_second = 0;  // more than 0
  int64_t burst = 1;      // at least 1
};

class TokenBucket {
 public:
  /// Zero: a token was taken. Else none was, and this is how long until there is one.
  Duration take(const Rate& rate, Time now) {
    const Duration each = interval(rate);
    const Time due = std::max(due_, now);
    const Time earliest = due - each * (rate.burst - 1);
    if (now < earliest) return earliest - now;
    due_ = due + each;
    return Duration::zero();
  }
  /// Gives one back: what it was taken for was refused elsewhere.
  void give_back(const Rate& rate) { due_ -= interval(rate); }

 private:
  static Duration interval(const Rate& rate) {
    return std::max(Duration(1), Duration(static_cast<Duration::rep>(1e9 / rate.per_second)));
  }

  Time due_{};  // when the bucket is full again
};

}  // namespace barrio::decide
