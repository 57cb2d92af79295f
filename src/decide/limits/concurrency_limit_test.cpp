#include "decide/limits/concurrency_limit.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <deque>

namespace barrio::decide::concurrency_limit_test {
namespace {

constexpr Time start{1000s};
constexpr Duration usual = 200ms;

TEST_CASE("there is no limit until a crowd gets no answer, and none again when it was not needed for a while") {
  ConcurrencyLimit limit;
  limit.fell_silent(2, start, start + 600ms);  // two are no crowd
  CHECK(limit.limit() == ConcurrencyLimit::none);
  limit.fell_silent(3, start, start + 600ms);
  CHECK(limit.limit() == 2);
  CHECK(limit.has_room(1));
  CHECK_FALSE(limit.has_room(2));
  limit.turned_away(start + 5s);
  limit.answered(usual, start + 14s, start + 14s);
  CHECK(limit.limit() == 3);
  limit.answered(usual, start + 15s, start + 15s);
  CHECK(limit.limit() == ConcurrencyLimit::none);
}

TEST_CASE("it grows with each quick answer, once a round with slower ones, and falls by as much as one is late") {
  ConcurrencyLimit limit;
  limit.fell_silent(30, start, start + 600ms);
  const Time sent = start + 601ms;
  for (int i = 0; i < 8; ++i) limit.answered(usual, sent, sent + 100ms);
  CHECK(limit.limit() == 10);
  for (int i = 0; i < 9; ++i) limit.answered(usual, sent, sent + 150ms);
  CHECK(limit.limit() == 10);
  limit.answered(usual, sent, sent + 150ms);
  CHECK(limit.limit() == 11);
  for (int i = 0; i < 20; ++i) limit.answered(usual, sent, sent + 200ms);
  CHECK(limit.limit() == 11);
  limit.answered(usual, sent, sent + 300ms);
  CHECK(limit.limit() == 7);
  limit.answered(usual, sent, sent + 400ms);  // sent before that cut
  CHECK(limit.limit() == 7);
  for (int i = 1; i < 5; ++i) limit.fell_silent(40, sent, sent + 600ms);
  CHECK(limit.limit() == 7);
  limit.fell_silent(7, sent + 300ms, sent + 900ms);
  CHECK(limit.limit() == 2);
}

TEST_CASE("what turns requests away by itself has no limit, for as long as it does") {
  ConcurrencyLimit limit;
  limit.fell_silent(30, start, start + 600ms);
  limit.declined(start + 700ms);
  CHECK(limit.limit() == ConcurrencyLimit::none);
  limit.fell_silent(30, start + 1s, start + 2s);
  CHECK(limit.limit() == ConcurrencyLimit::none);
  limit.fell_silent(30, start + 11s, start + 12s);
  CHECK(limit.limit() == 2);
}

/// One worker that takes `service` for each of its requests in order of arrival, wanted or not, and a gateway that asks
/// it every `period` and waits for three objectives.
struct Stubborn {
  Duration service;
  Duration objective;
  ConcurrencyLimit limit;
  struct Sent {
    Time at;
    Time done;
  };
  std::deque<Sent> open = {};
  Time busy_until = start;
  Time heard = start;
  int on_time = 0;
  int asked = 0;

  void settle(Time now) {
    while (!open.empty()) {
      const Sent first = open.front();
      const Time patience_ends = first.at + 3 * objective;
      if (std::min(first.done, patience_ends) > now) return;
      const auto had = static_cast<uint32_t>(open.size());
      open.pop_front();
      if (first.done <= patience_ends) {
        heard = first.done;
        on_time += first.done - first.at <= objective ? 1 : 0;
        limit.answered(objective, first.at, first.done);
      } else if (patience_ends - std::max(heard, first.at) >= 3 * objective / 2) {
        limit.fell_silent(had, first.at, patience_ends);
      }
    }
  }
  void run(Duration time, Duration period, Time& now) {
    const Time until = now + time;
    for (; now < until; now += period) {
      settle(now);
      ++asked;
      if (!limit.has_room(static_cast<uint32_t>(open.size()))) {
        limit.turned_away(now);
        continue;
      }
      busy_until = std::max(busy_until, now) + service;
      open.push_back({now, busy_until});
    }
  }
};

TEST_CASE("for all surges: a replica that works off what nobody waits for any more is well again soon after") {
  CHECK(rc::check([] {
    const Duration service = 1ms * *rc::gen::inRange(5, 100);
    const Duration objective = service * *rc::gen::inRange(1, 12);
    Stubborn world{.service = service, .objective = objective, .limit = {}};
    Time now = start;
    world.run(5s + 1ms * *rc::gen::inRange(0, 20'000), service / *rc::gen::inRange(2, 12), now);
    // A third of what it can do.
    world.run(120 * objective + 2s, 3 * service, now);
    world.settle(now);
    world.on_time = world.asked = 0;
    world.run(100 * service, 3 * service, now);
    world.settle(now + 3 * objective);
    RC_ASSERT(world.on_time == world.asked);
  }));
}

TEST_CASE("for all overloads that last: more is answered on time than half of what the replica can do") {
  CHECK(rc::check([] {
    const Duration service = 1ms * *rc::gen::inRange(5, 50);
    Stubborn world{.service = service, .objective = service * *rc::gen::inRange(6, 12), .limit = {}};
    Time now = start;
    const Duration period = service / *rc::gen::inRange(2, 8);
    world.run(10s, period, now);
    world.on_time = 0;
    world.run(20s, period, now);
    RC_ASSERT(world.on_time * 2 * service >= Duration(20s));
  }));
}

}  // namespace
}  // namespace barrio::decide::concurrency_limit_test
