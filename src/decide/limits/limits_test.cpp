#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <list>
#include <vector>

#include "decide/limits/lru_table.h"
#include "decide/limits/retry_budget.h"
#include "decide/limits/token_bucket.h"

namespace barrio::decide::limits_test {
namespace {

constexpr Time start{1000s};

TEST_CASE("a bucket gives its burst at once, then one token per interval, and says how long to wait") {
  TokenBucket bucket;
  const Rate rate{.per_second = 10, .burst = 3};
  for (int i = 0; i < 3; ++i) CHECK(bucket.take(rate, start) == 0ns);
  CHECK(bucket.take(rate, start) == 100ms);
  CHECK(bucket.take(rate, start + 60ms) == 40ms);
  CHECK(bucket.take(rate, start + 100ms) == 0ns);
  CHECK(bucket.take(rate, start + 100ms) == 100ms);
  bucket.give_back(rate);
  CHECK(bucket.take(rate, start + 100ms) == 0ns);
  // However long it is left alone, it holds no more than its burst.
  for (int i = 0; i < 3; ++i) CHECK(bucket.take(rate, start + 1h) == 0ns);
  CHECK(bucket.take(rate, start + 1h) == 100ms);
}

TEST_CASE("for all rates and arrivals: no interval lets more through than burst + rate x time, and a wait is exact") {
  const bool holds = rc::check([] {
    const Rate rate{.per_second = static_cast<double>(*rc::gen::inRange(1, 5000)),
                    .burst = *rc::gen::inRange<int64_t>(1, 50)};
    TokenBucket bucket;
    Time now = start;
    std::vector<Time> taken;
    for (int i = 0; i < 300; ++i) {
      now += std::chrono::microseconds(*rc::gen::inRange(0, 3000));
      const Duration wait = bucket.take(rate, now);
      if (wait == Duration::zero()) {
        taken.push_back(now);
        continue;
      }
      TokenBucket copy = bucket;
      RC_ASSERT(copy.take(rate, now + wait - 1ns) > Duration::zero());
      RC_ASSERT(copy.take(rate, now + wait) == Duration::zero());
    }
    for (size_t from = 0; from < taken.size(); from += 7) {
      const double seconds = std::chrono::duration<double>(taken.back() - taken[from]).count();
      const double most = static_cast<double>(rate.burst) + rate.per_second * seconds + 1e-3;
      RC_ASSERT(static_cast<double>(taken.size() - from) <= most);
    }
  });
  CHECK(holds);
}

TEST_CASE("for all uses: the table keeps its bound and forgets the value used longest ago that may go") {
  const bool holds = rc::check([] {
    struct Entry {
      int key = 0;
      bool pinned = false;
    };
    const size_t most = *rc::gen::inRange<size_t>(1, 8);
    LruTable<int, bool> table(most);
    std::list<Entry> model;  // oldest first
    for (int i = 0; i < 200; ++i) {
      const int key = *rc::gen::inRange(0, 12);
      const uint32_t index = table.use(key, [](bool pinned) { return !pinned; });
      auto known = std::ranges::find(model, key, &Entry::key);
      if (known == model.end()) {
        if (model.size() == most) {
          const auto victim = std::ranges::find(model, false, &Entry::pinned);
          RC_ASSERT((index == table.none) == (victim == model.end()));
          if (victim == model.end()) continue;
          model.erase(victim);
        }
        model.push_back({key, false});
      } else {
        model.splice(model.end(), model, known);
      }
      RC_ASSERT(table[index] == model.back().pinned);
      RC_ASSERT(table.key(index) == key);
      table[index] = model.back().pinned = *rc::gen::arbitrary<bool>();
      RC_ASSERT(table.size() <= most);
    }
  });
  CHECK(holds);
}

TEST_CASE("without traffic to speak of, three retries a second are allowed") {
  RetryBudget budget;
  int taken = 0;
  for (int i = 0; i < 100; ++i) {
    budget.request(start);
    taken += budget.take(start) ? 1 : 0;
  }
  CHECK(taken == 30 + 20);
  CHECK(!budget.take(start + 9s));
  CHECK(budget.take(start + 10s));
}

TEST_CASE("for all loads: no retry while the last ten seconds hold a fifth as many as requests, and thirty") {
  const bool holds = rc::check([] {
    RetryBudget budget;
    Time now = start;
    std::vector<Time> requests;
    std::vector<Time> retries;
    const auto recent = [&](const std::vector<Time>& all) {
      const Time from = std::chrono::floor<std::chrono::seconds>(now) - 9s;
      return std::ranges::count_if(all, [&](Time at) { return at >= from; });
    };
    for (int i = 0; i < 200; ++i) {
      now += std::chrono::milliseconds(*rc::gen::inRange(0, 400));
      for (int n = *rc::gen::inRange(0, 5); n > 0; --n) {
        budget.request(now);
        requests.push_back(now);
        const bool room = recent(retries) < recent(requests) / 5 + 30;
        RC_ASSERT(budget.take(now) == room);
        if (room) retries.push_back(now);
      }
    }
  });
  CHECK(holds);
}

}  // namespace
}  // namespace barrio::decide::limits_test
