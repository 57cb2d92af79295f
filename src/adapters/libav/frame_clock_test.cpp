#include "adapters/libav/frame_clock.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

namespace barrio::frame_clock_test {
using namespace barrio::adapters::libav;

namespace {
const Time start = Time() + 1h;
}

TEST_CASE("a frame that came as soon as any is new; one that came later has waited") {
  FrameClock clock;
  CHECK(clock.taken(start, 100s) == start);
  CHECK(clock.taken(start + 40ms, 100s + 40ms) == start + 40ms);
  CHECK(clock.taken(start + 380ms, 100s + 80ms) == start + 80ms);
  // It comes with less delay than the first: so the first had waited, too.
  CHECK(clock.taken(start + 100ms, 100s + 120ms) == start + 100ms);
  CHECK(clock.taken(start + 500ms, 100s + 200ms) == start + 180ms);
}

TEST_CASE("without timestamps a frame is taken to be new; a clock that jumps is followed") {
  FrameClock clock;
  CHECK(clock.taken(start, std::nullopt) == start);
  clock.taken(start, 100s);
  CHECK(clock.taken(start + 1s, 5s) == start + 1s);
  CHECK(clock.taken(start + 2s, 900s) == start + 2s);
}

TEST_CASE("a camera whose clock is slow is followed within two windows") {
  FrameClock clock;
  Duration worst{};
  // One per cent slow, for ten minutes: its stamps fall six seconds behind in all.
  for (int i = 0; i < 6000; ++i) {
    const Time arrived = start + i * 100ms;
    worst = std::max(worst, arrived - clock.taken(arrived, i * 99ms));
  }
  CHECK(worst <= 220ms);
}

TEST_CASE("whatever the stamps: never later than the arrival") {
  REQUIRE(rc::check("not from the future", [] {
    FrameClock clock;
    Time now = start;
    for (int i = 0; i < 50; ++i) {
      now += Duration(*rc::gen::inRange<int64_t>(0, 3'000'000'000));
      const Duration stamp(*rc::gen::inRange<int64_t>(-20'000'000'000, 20'000'000'000));
      RC_ASSERT(clock.taken(now, stamp) <= now);
    }
  }));
}

}  // namespace barrio::frame_clock_test
