#pragma once
// How many requests arrive per second, lately: an average that forgets, over about `memory`. From nothing it says what it
// has seen over the time that it has seen.

#include <algorithm>
#include <cmath>

#include "base/time.h"

namespace barrio::decide {

class ArrivalRate {
 public:
  static constexpr Duration memory = 200ms;

  void arrived(Time now) {
    if (count_ == 0) since_ = now;
    count_ = decayed(now) + 1;
    last_ = std::max(last_, now);
  }
  /// How many are to be expected within `time` from now on.
  double expected(Duration time, Time now) const {
    if (count_ == 0) return 0;
    const double seen = 1 - std::exp(-ratio(std::max(now - since_, memory / 8)));
    return decayed(now) * ratio(time) / seen;
  }

 private:
  static double ratio(Duration time) { return static_cast<double>(time.count()) / static_cast<double>(memory.count()); }
  double decayed(Time now) const { return now <= last_ ? count_ : count_ * std::exp(-ratio(now - last_)); }

  double count_ = 0;
  Time since_{};
  Time last_{};
};

}  // namespace barrio::decide
