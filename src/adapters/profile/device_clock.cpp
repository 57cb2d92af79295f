#include "adapters/profile/device_clock.h"

#include <sys/prctl.h>
#include <time.h>

#include <cerrno>

#include "base/check.h"

namespace barrio::adapters {

Time PreciseClock::now() {
  timespec spec{};
  CHECK(clock_gettime(CLOCK_MONOTONIC, &spec) == 0);
  return Time(std::chrono::seconds(spec.tv_sec) + Duration(spec.tv_nsec));
}

void PreciseClock::wait_until(Time end, Duration spin) {
  constexpr unsigned long slack_ns = 1000;
  prctl(PR_SET_TIMERSLACK, slack_ns, 0, 0, 0);
  const Duration wake = (end - spin).time_since_epoch();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(wake);
  const timespec until{seconds.count(), (wake - seconds).count()};
  while (wake > Duration::zero() && clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR) {
  }
  while (now() < end) {
  }
}

}  // namespace barrio::adapters
