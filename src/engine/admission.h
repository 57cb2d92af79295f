#pragma once
// Who may wait. A request carries what is left of its time; one that cannot make it is refused at once, so that it can
// still be answered elsewhere and the time goes to one that can. Pure: `now` is an argument.

#include <cstddef>
#include <optional>

#include "base/time.h"

namespace barrio::engine {

/// A moving mean of service times that is believed only while it is fresh: if a slow spell made every request look
/// hopeless, nothing would be served and the mean would never recover.
class ServiceTime {
 public:
  void add(Duration took, Time now);
  std::optional<Duration> expected(Time now) const;

 private:
  double mean_ = 0;  // nanoseconds
  Time last_{};
  bool known_ = false;
};

struct Load {
  size_t waiting = 0;
  size_t running = 0;
  size_t workers = 1;
};

/// When a request that arrives now would be answered, behind what waits and half of what runs.
Time predicted_answer(const Load& load, const ServiceTime& service, Time now);

}  // namespace barrio::engine
