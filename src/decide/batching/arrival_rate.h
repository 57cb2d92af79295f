#pragma once
// How many requests arrive per second, lately, and how evenly: averages that forget. From nothing they say what they
// have seen over the time that they have seen.

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "base/time.h"

namespace barrio::decide {

class ArrivalRate {
 public:
  static constexpr Duration memory = 200ms;
  static constexpr uint32_t gaps_remembered = 256;

  void arrived(Time now) {
    if (count_ == 0) {
      since_ = now;
    } else {
      note_gap(static_cast<double>((now - last_).count()));
    }
    count_ = decayed(now) + 1;
    last_ = std::max(last_, now);
  }
  /// Arrivals per nanosecond.
  double rate(Time now) const {
    if (count_ == 0) return 0;
    const double seen = 1 - std::exp(-memories(std::max(now - since_, memory / 8)));
    return decayed(now) / seen / static_cast<double>(memory.count());
  }
  /// Variance of the gaps over their squared mean: 1 where arrivals do not depend on each other, more in bursts.
  double scatter() const { return gaps_ < 2 || gap_ <= 0 ? 1 : square_ / (gap_ * gap_) - 1; }

 private:
  static double memories(Duration time) {
    return static_cast<double>(time.count()) / static_cast<double>(memory.count());
  }
  double decayed(Time now) const { return now <= last_ ? count_ : count_ * std::exp(-memories(now - last_)); }
  void note_gap(double gap) {
    gaps_ = std::min(gaps_ + 1, gaps_remembered);
    const double part = 1.0 / gaps_;
    gap_ += (gap - gap_) * part;
    square_ += (gap * gap - square_) * part;
  }

  double count_ = 0;
  uint32_t gaps_ = 0;
  double gap_ = 0;  // ns, mean
  double square_ = 0;
  Time since_{};
  Time last_{};
};

}  // namespace barrio::decide
