#include <doctest/doctest.h>

#include "decide/health/health.h"

namespace barrio::decide::health_test {

TEST_CASE("restarts wait twice as long each time, never longer than the bound, and at least three quarters of it") {
  Rng rng(1);
  RestartDelay delay({.first = 1s, .longest = 8s, .healthy_after = 60s});
  for (const Duration expected : {1s, 2s, 4s, 8s, 8s, 8s}) {
    const Duration wait = delay.after_running(100ms, rng);
    CHECK(wait <= expected);
    CHECK(wait >= expected * 3 / 4);
  }
  CHECK(delay.after_running(60s, rng) <= 1s);  // it had been healthy
  CHECK(delay.after_running(59s, rng) > 1s);
}

TEST_CASE("waits of two that failed together differ") {
  Rng rng(7);
  RestartDelay one({}), other({});
  CHECK(one.after_running(0s, rng) != other.after_running(0s, rng));
}

TEST_CASE("only misses in a row count") {
  Misses misses;
  for (const bool good : {false, false, true, false, false}) misses.note(good);
  CHECK_FALSE(misses.reached(3));
  misses.note(false);
  CHECK(misses.reached(3));
  misses.note(true);
  CHECK_FALSE(misses.reached(1));
}

}  // namespace barrio::decide::health_test
