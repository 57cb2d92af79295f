#include "decide/batching/first_token.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <set>

namespace barrio::decide::first_token_test {
namespace {

using Seen = FirstTokenQueue::Seen;

const Time start{100s};

/// Has seen 1000 tokens per second.
FirstTokenQueue seasoned(FirstTokenLimits limits = {.margin = 1}) {
  FirstTokenQueue queue(limits);
  REQUIRE_FALSE(queue.offer(9999, 10'000, std::nullopt, start - 10s));
  REQUIRE(queue.step(start - 10s).send == std::vector<uint64_t>{9999});
  queue.first_token(9999, Seen::yes, start);
  queue.finished(9999, start);
  return queue;
}

TEST_CASE("the first token is predicted from the tokens ahead and the rate at which they are read") {
  FirstTokenQueue queue = seasoned();
  CHECK(queue.predict(500, start) == 500ms);
  REQUIRE_FALSE(queue.offer(1, 2000, start + 10s, start));
  CHECK(queue.predict(500, start) == 2500ms);
  CHECK(queue.step(start).send == std::vector<uint64_t>{1});
  CHECK(queue.predict(500, start) == 2500ms);
  queue.first_token(1, Seen::yes, start + 2s);
  CHECK(to_ms(*queue.predict(500, start + 2s)) == doctest::Approx(500).epsilon(0.01));
}

TEST_CASE("what would begin too late is refused at once, with the time after which it would not") {
  FirstTokenQueue queue = seasoned();
  REQUIRE_FALSE(queue.offer(1, 3000, start + 3s, start));
  const auto refused = queue.offer(2, 500, start + 2s, start);
  REQUIRE(refused);
  CHECK(refused->predicted == 3500ms);
  CHECK(refused->retry_after == 1500ms);
  CHECK_FALSE(queue.offer(3, 500, start + 3500ms, start));
  CHECK_FALSE(queue.offer(4, 500, std::nullopt, start));
  FirstTokenQueue careful = seasoned({.margin = 2});
  CHECK(careful.offer(1, 600, start + 1s, start));
  CHECK_FALSE(careful.offer(2, 500, start + 1s, start));
}

TEST_CASE("before anything was seen, all is admitted, unless a rate or the server's own figures say otherwise") {
  FirstTokenQueue blind({});
  CHECK_FALSE(blind.predict(1'000'000, start));
  CHECK_FALSE(blind.offer(1, 1'000'000, start + 1ms, start));
  FirstTokenQueue told({.margin = 1, .rate = 100});
  CHECK(told.predict(50, start) == 500ms);
  FirstTokenQueue reported({});
  reported.reported({.waiting = 0, .running = 0, .kv_usage = {}, .recent_first_token = 3s});
  CHECK(reported.offer(1, 10, start + 1s, start));
  CHECK_FALSE(reported.offer(1, 10, start + 4s, start));
}

TEST_CASE("the server is given what it reads next, in order, and no more") {
  FirstTokenQueue queue({.unread_tokens = 1000, .running = 3});
  for (uint64_t id = 1; id <= 6; ++id) REQUIRE_FALSE(queue.offer(id, 400, std::nullopt, start));
  CHECK(queue.step(start).send == std::vector<uint64_t>{1, 2});
  CHECK(queue.step(start).send.empty());
  queue.first_token(1, Seen::yes, start + 1s);
  CHECK(queue.step(start + 1s).send == std::vector<uint64_t>{3});
  queue.first_token(2, Seen::yes, start + 1s);
  queue.first_token(3, Seen::yes, start + 1s);
  CHECK(queue.step(start + 1s).send.empty());  // three run
  queue.finished(2, start + 2s);
  CHECK(queue.step(start + 2s).send == std::vector<uint64_t>{4});
  CHECK(queue.waiting() == 2);
  CHECK(queue.running() == 3);
}

TEST_CASE("a server whose cache is full is given nothing more, unless it has nothing to do") {
  FirstTokenQueue queue({});
  queue.reported({.waiting = 0, .running = 1, .kv_usage = 0.98, .recent_first_token = {}});
  REQUIRE_FALSE(queue.offer(1, 10, std::nullopt, start));
  REQUIRE_FALSE(queue.offer(2, 10, std::nullopt, start));
  CHECK(queue.step(start).send == std::vector<uint64_t>{1});
  queue.reported({.waiting = 0, .running = 1, .kv_usage = 0.9, .recent_first_token = {}});
  CHECK(queue.step(start).send == std::vector<uint64_t>{2});
}

TEST_CASE("a prompt larger than the window goes out alone") {
  FirstTokenQueue queue({.unread_tokens = 1000});
  REQUIRE_FALSE(queue.offer(1, 50'000, std::nullopt, start));
  REQUIRE_FALSE(queue.offer(2, 10, std::nullopt, start));
  CHECK(queue.step(start).send == std::vector<uint64_t>{1});
  queue.first_token(1, Seen::yes, start + 9s);
  CHECK(queue.step(start + 9s).send == std::vector<uint64_t>{2});
}

TEST_CASE("one that waits and can no longer make it is dropped before it costs the server anything") {
  FirstTokenQueue queue = seasoned({.unread_tokens = 100, .margin = 1});
  REQUIRE_FALSE(queue.offer(1, 1000, start + 5s, start));
  REQUIRE_FALSE(queue.offer(2, 1000, start + 2s, start));
  REQUIRE_FALSE(queue.offer(3, 1000, std::nullopt, start));
  CHECK(queue.step(start).send == std::vector<uint64_t>{1});
  queue.first_token(1, Seen::yes, start + 4s);  // four times as long as thought
  const auto step = queue.step(start + 4s);
  CHECK(step.drop == std::vector<uint64_t>{2});
  CHECK(step.send == std::vector<uint64_t>{3});
}

TEST_CASE("a server that has become slow is noticed before it answers") {
  FirstTokenQueue queue = seasoned();
  REQUIRE_FALSE(queue.offer(1, 1000, std::nullopt, start));
  REQUIRE(queue.step(start).send.size() == 1);
  CHECK(queue.predict(1000, start + 1s) == 2s);
  CHECK(to_ms(*queue.predict(1000, start + 12s)) == doctest::Approx(4000));  // 11000 tokens in 22 s: 500/s
}

TEST_CASE("others at the same server count by what it says of them") {
  FirstTokenQueue queue = seasoned();
  queue.reported({.waiting = 3, .running = 9, .kv_usage = {}, .recent_first_token = {}});
  CHECK(queue.predict(1000, start) == 31s);  // prompts of 10000 tokens were usual
  queue.reported({.waiting = 0, .running = 9, .kv_usage = {}, .recent_first_token = {}});
  CHECK(queue.predict(1000, start) == 1s);
}

TEST_CASE("too many waiting are refused whatever time they have") {
  FirstTokenQueue queue({.unread_tokens = 1, .waiting = 2});
  REQUIRE_FALSE(queue.offer(1, 5, std::nullopt, start));
  REQUIRE_FALSE(queue.offer(2, 5, std::nullopt, start));
  const auto refused = queue.offer(3, 5, std::nullopt, start);
  REQUIRE(refused);
  CHECK_FALSE(refused->predicted);
  queue.finished(2, start);  // gave up waiting
  CHECK_FALSE(queue.offer(3, 5, std::nullopt, start));
}

TEST_CASE("time in which nothing was unread, and what nobody saw, does not count as reading") {
  FirstTokenQueue queue = seasoned();
  REQUIRE_FALSE(queue.offer(1, 1000, std::nullopt, start + 100s));
  queue.step(start + 100s);
  queue.first_token(1, Seen::yes, start + 101s);
  CHECK(to_ms(*queue.predict(1000, start + 101s)) == doctest::Approx(1000).epsilon(0.01));
  REQUIRE_FALSE(queue.offer(2, 1000, std::nullopt, start + 101s));
  queue.step(start + 101s);
  queue.finished(2, start + 150s);  // cancelled
  CHECK(to_ms(*queue.predict(1000, start + 150s)) == doctest::Approx(1000).epsilon(0.01));
}

TEST_CASE("whatever happens, every request gets one fate, in order, and the counts end at zero") {
  CHECK(rc::check([] {
    FirstTokenQueue queue({.unread_tokens = 2000, .running = 4, .waiting = 8, .margin = 1, .rate = 1000});
    Time now = start;
    std::set<uint64_t> admitted;
    std::set<uint64_t> out;
    uint64_t last_sent = 0;
    const auto moves = *rc::gen::container<std::vector<uint32_t>>(rc::gen::arbitrary<uint32_t>());
    uint64_t next = 1;
    const auto act = [&] {
      const auto step = queue.step(now);
      for (const uint64_t id : step.drop) RC_ASSERT(admitted.erase(id) == 1);
      for (const uint64_t id : step.send) {
        RC_ASSERT(admitted.erase(id) == 1);
        RC_ASSERT(id > last_sent);
        last_sent = id;
        out.insert(id);
      }
      RC_ASSERT(queue.running() == out.size());
      RC_ASSERT(queue.waiting() == admitted.size());
      RC_ASSERT(queue.running() <= 4);
      RC_ASSERT(queue.waiting() <= 8);
    };
    for (const uint32_t move : moves) {
      now += std::chrono::milliseconds(move % 977);
      if (move % 3 == 0) {
        const auto until = move % 2 == 0 ? std::optional<Time>(now + 3s) : std::nullopt;
        if (!queue.offer(next, 1 + move % 3000, until, now)) admitted.insert(next);
        ++next;
      } else if (move % 3 == 1 && !out.empty()) {
        queue.first_token(*out.begin(), Seen::yes, now);
      } else if (move % 3 == 2 && !out.empty()) {
        queue.finished(*out.begin(), now);
        out.erase(out.begin());
      }
      act();
    }
    for (const uint64_t id : admitted) queue.finished(id, now);
    for (const uint64_t id : out) queue.finished(id, now);
    RC_ASSERT(queue.running() == 0);
    RC_ASSERT(queue.waiting() == 0);
    RC_ASSERT(queue.unread_tokens() == 0);
  }));
}

}  // namespace
}  // namespace barrio::decide::first_token_test
