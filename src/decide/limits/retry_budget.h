#pragma once
// How many requests of an app may be sent a second time: a fifth of those of the last ten seconds, and three a second
// whatever their number, so that retries repair single faults and cannot double the load of an outage.

#include <array>
#include <cstdint>

#include "base/time.h"

namespace barrio::decide {

class RetryBudget {
 public:
  static constexpr int seconds = 10;
  static constexpr uint64_t per_cent = 20;
  static constexpr uint64_t least_per_second = 3;

  void request(Time now) { ++at(now).requests; }
  /// True: it was taken from the budget.
  bool take(Time now) {
    Second& present = at(now);
    uint64_t requests = 0;
    uint64_t retries = 0;
    for (const Second& second : seconds_) {
      if (second.number <= present.number - seconds) continue;
      requests += second.requests;
      retries += second.retries;
    }
    if (retries >= requests * per_cent / 100 + least_per_second * seconds) return false;
    ++present.retries;
    return true;
  }

 private:
  struct Second {
    int64_t number = -seconds;  // since the clock's zero
    uint32_t requests = 0;
    uint32_t retries = 0;
  };
  Second& at(Time now) {
    const int64_t number = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
    Second& second = seconds_[static_cast<size_t>(number % seconds)];
    if (second.number != number) second = {number, 0, 0};
    return second;
  }

  std::array<Second, seconds> seconds_{};
};

}  // namespace barrio::decide
