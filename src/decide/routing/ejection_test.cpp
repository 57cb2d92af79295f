#include "decide/routing/ejection.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <vector>

namespace barrio::decide::ejection_test {
namespace {

constexpr Time start{1000s};

TEST_CASE("three failures in a row eject a replica for a second; an answer between them does not let it come to that") {
  Ejection replica;
  replica.failed(false, start);
  replica.failed(false, start);
  replica.succeeded();
  replica.failed(false, start);
  replica.failed(false, start);
  CHECK(replica.usable(start));
  replica.failed(false, start);
  CHECK(!replica.usable(start));
  CHECK(!replica.usable(start + 1s - 1ns));
  CHECK(replica.usable(start + 1s));
}

TEST_CASE("one request at a time probes an ejected replica; each probe that fails doubles the wait up to 30 s") {
  Ejection replica;
  for (int i = 0; i < 3; ++i) replica.failed(false, start);
  Time now = start;
  for (const Duration wait : {1s, 2s, 4s, 8s, 16s, 30s, 30s}) {
    CHECK(!replica.usable(now + wait - 1ns));
    now += wait;
    CHECK(replica.usable(now));
    CHECK(replica.sent(now));
    CHECK(!replica.usable(now + 10s));
    replica.failed(true, now);
  }
  now += 30s;
  CHECK(replica.sent(now));
  replica.succeeded();
  CHECK(replica.usable(now));
  CHECK(!replica.sent(now));
}

TEST_CASE("a probe that nobody waited for leaves room for another one") {
  Ejection replica;
  for (int i = 0; i < 3; ++i) replica.failed(false, start);
  CHECK(replica.sent(start + 1s));
  CHECK(!replica.usable(start + 2s));
  replica.abandoned(true);
  CHECK(replica.usable(start + 2s));
}

TEST_CASE("for all histories: an ejected replica has at most one probe open, and never waits longer than 30 s") {
  const bool holds = rc::check([] {
    Ejection replica;
    Time now = start;
    std::vector<bool> open;  // whether it is a probe
    const auto count = [&] { return std::count(open.begin(), open.end(), true); };
    for (int i = 0; i < 200; ++i) {
      now += std::chrono::milliseconds(*rc::gen::inRange(0, 3000));
      const int what = *rc::gen::inRange(0, 5);
      if (what <= 1 && replica.usable(now)) {
        const bool was_ejected = replica.ejected();
        open.push_back(replica.sent(now));
        RC_ASSERT(open.back() == was_ejected);
        RC_ASSERT(!was_ejected || !replica.usable(now + 1h));
      } else if (!open.empty() && what >= 2) {
        const auto index = static_cast<size_t>(*rc::gen::inRange<size_t>(0, open.size()));
        const bool probe = open[index];
        open.erase(open.begin() + static_cast<std::ptrdiff_t>(index));
        if (what == 2) replica.succeeded();
        if (what == 3) replica.failed(probe, now);
        if (what == 4) replica.abandoned(probe);
      }
      // A success of an earlier request may end an ejection while its probe is open.
      RC_ASSERT(!replica.ejected() || replica.back_at() - now <= 30s);
      RC_ASSERT(replica.ejected() || replica.usable(now));
      if (count() == 0) RC_ASSERT(replica.usable(now + 30s));
    }
  });
  CHECK(holds);
}

}  // namespace
}  // namespace barrio::decide::ejection_test
