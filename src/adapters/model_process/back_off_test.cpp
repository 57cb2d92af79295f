#include "adapters/model_process/back_off.h"

#include <doctest/doctest.h>

#include <vector>

namespace barrio::adapters::back_off_test {

TEST_CASE("a process that fails again and again waits twice as long each time, ten seconds at most") {
  BackOff back_off({});
  Time now{};
  std::vector<Duration> waits;
  for (int i = 0; i < 9; ++i) {
    back_off.started(now += 1s);
    waits.push_back(back_off.failed(now += 1s));
    now += waits.back();
  }
  CHECK(waits == std::vector<Duration>{100ms, 200ms, 400ms, 800ms, 1600ms, 3200ms, 6400ms, 10s, 10s});
}

TEST_CASE("a process that was well for half a minute begins anew") {
  BackOff back_off({});
  Time now{};
  for (int i = 0; i < 5; ++i) back_off.failed(now);
  back_off.started(now);
  CHECK(back_off.failed(now + 29s) == 3200ms);
  back_off.started(now + 40s);
  CHECK(back_off.failed(now + 70s) == 100ms);
}

TEST_CASE("time in which it did not run does not make it well") {
  BackOff back_off({});
  back_off.started(Time{});
  CHECK(back_off.failed(Time{1s}) == 100ms);
  CHECK(back_off.failed(Time{100s}) == 200ms);
}

}  // namespace barrio::adapters::back_off_test
