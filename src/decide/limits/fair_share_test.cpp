#include "decide/limits/fair_share.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <queue>

#include "base/rng.h"
#include "decide/limits/admission.h"

namespace barrio::decide::fair_share_test {
namespace {

constexpr Time start{1000s};

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr uint64_t seeds = 1;
#else
constexpr uint64_t seeds = 5;
#endif

uint32_t fill(FairShare& shares, uint32_t member, double weight, Time now) {
  uint32_t entered = 0;
  while (shares.enter(member, weight, now)) ++entered;
  return entered;
}

TEST_CASE("a member that is alone may hold everything") {
  FairShare shares(100);
  CHECK(fill(shares, 0, 1, start) == 100);
  CHECK(!shares.enter(0, 1, start + 200ms));
}

TEST_CASE("a member that wakes may hold its part at once, by weight") {
  FairShare shares(120);
  fill(shares, 0, 1, start);
  fill(shares, 0, 1, start + 100ms);
  CHECK(fill(shares, 1, 2, start + 150ms) == 80);
  // The first one has to come down to its own part.
  CHECK(!shares.enter(0, 1, start + 300ms));
  for (int i = 0; i < 81; ++i) shares.leave(0);
  CHECK(shares.enter(0, 1, start + 300ms));
  CHECK(!shares.enter(0, 1, start + 300ms));
}

TEST_CASE("what an active member does not use, another may hold, but for room for the first one's next burst") {
  FairShare shares(100);
  for (int i = 0; i < 5; ++i) CHECK(shares.enter(0, 1, start));
  for (int i = 0; i < 10; ++i) fill(shares, 1, 1, start + i * 100ms);
  CHECK(shares.held(1) == 100 - (2 * 5 + FairShare::headroom));
  CHECK(fill(shares, 0, 1, start + 1s) == 50 - 5);
}

TEST_CASE("a member that has held nothing for a second no longer counts") {
  FairShare shares(100);
  CHECK(shares.enter(0, 1, start));
  shares.leave(0);
  fill(shares, 1, 1, start + 500ms);
  fill(shares, 1, 1, start + 700ms);
  CHECK(shares.held(1) < 100);
  fill(shares, 1, 1, start + 1s);
  fill(shares, 1, 1, start + 1100ms);
  CHECK(shares.held(1) == 100);
}

TEST_CASE(
    "for all loads: nobody below its part is refused, none holds more than its allowance, never twice the whole") {
  const bool holds = rc::check([] {
    const auto capacity = *rc::gen::inRange<uint32_t>(4, 200);
    const auto members = *rc::gen::inRange<uint32_t>(1, 6);
    FairShare shares(capacity);
    std::vector<double> weights;
    for (uint32_t i = 0; i < members; ++i) weights.push_back(static_cast<double>(*rc::gen::inRange(1, 5)));
    double all_weights = 0;
    for (const double weight : weights) all_weights += weight;
    Time now = start;
    for (int i = 0; i < 300; ++i) {
      now += std::chrono::milliseconds(*rc::gen::inRange(0, 60));
      const auto member = *rc::gen::inRange<uint32_t>(0, members);
      if (*rc::gen::inRange(0, 3) == 0) {
        for (uint32_t n = shares.held(member); n > 0; --n) shares.leave(member);
        continue;
      }
      for (int n = *rc::gen::inRange(1, 60); n > 0; --n) {
        const uint32_t held = shares.held(member);
        const uint32_t total = shares.total();
        const double own = capacity * weights[member] / all_weights;
        const bool entered = shares.enter(member, weights[member], now);
        if (!entered) RC_ASSERT(held + 1 > own || total >= 2 * capacity);
        if (entered) RC_ASSERT(shares.held(member) <= shares.allowance(member));
      }
      uint32_t sum = 0;
      for (uint32_t one = 0; one < members; ++one) sum += shares.held(one);
      RC_ASSERT(sum == shares.total());
      RC_ASSERT(sum <= 2 * capacity);
    }
  });
  CHECK(holds);
}

/// One site's machine in virtual time: `servers` requests are worked on at once, the others wait in one queue, first
/// come, first served. What reaches it is what the gateway in front of it lets in.
class SharedSite {
 public:
  SharedSite(uint32_t servers, bool guarded, uint64_t seed)
      : servers_(servers), guarded_(guarded), admission_(servers), rng_(seed) {
    admission_.set_quotas({});
  }

  void add(const std::string& tenant, double per_second) {
    sources_.push_back({{TenantId::of(tenant), AppName::of("app")}, per_second, {}, 0});
    schedule(sources_.size() - 1, start);
  }
  void run(Duration duration) {
    const Time end = start + duration;
    while (!events_.empty() && events_.top().at < end) {
      const Event event = events_.top();
      events_.pop();
      event.job < 0 ? arrive(event.source, event.at) : finish(static_cast<size_t>(event.job), event.at);
    }
  }
  double p99_ms(size_t source) {
    auto& all = sources_[source].took_ms;
    REQUIRE(all.size() > 500);
    std::ranges::sort(all);
    return all[all.size() * 99 / 100];
  }
  size_t answered(size_t source) const { return sources_[source].took_ms.size(); }
  int refused(size_t source) const { return sources_[source].refused; }

 private:
  struct Source {
    AppKey app;
    double per_second;
    std::vector<double> took_ms;
    int refused;
  };
  struct Job {
    size_t source;
    Time arrived;
    Admitted admitted;
  };
  struct Event {
    Time at;
    size_t source;
    int64_t job;  // -1: an arrival
    bool operator<(const Event& other) const { return at > other.at; }
  };

  double exponential() { return -std::log(1 - rng_.unit()); }
  void schedule(size_t source, Time now) {
    events_.push({now + from_ms(1000 / sources_[source].per_second * exponential()), source, -1});
  }
  void arrive(size_t source, Time now) {
    schedule(source, now);
    Admitted admitted;
    if (guarded_) {
      const auto entered = admission_.enter({.app = &sources_[source].app}, now);
      if (!std::holds_alternative<Admitted>(entered)) {
        ++sources_[source].refused;
        return;
      }
      admitted = std::get<Admitted>(entered);
    } else if (waiting_.size() >= 10'000) {
      ++sources_[source].refused;
      return;
    }
    jobs_.push_back({source, now, admitted});
    waiting_.push_back(jobs_.size() - 1);
    begin(now);
  }
  void begin(Time now) {
    while (busy_ < servers_ && !waiting_.empty()) {
      ++busy_;
      // 30 ms on average, a third of it fixed: an engine's spread.
      events_.push({now + from_ms(10 + 20 * exponential()), 0, static_cast<int64_t>(waiting_.front())});
      waiting_.pop_front();
    }
  }
  void finish(size_t index, Time now) {
    const Job& job = jobs_[index];
    sources_[job.source].took_ms.push_back(to_ms(now - job.arrived));
    if (guarded_) admission_.leave(job.admitted);
    --busy_;
    begin(now);
  }

  uint32_t servers_;
  bool guarded_;
  uint32_t busy_ = 0;
  Admission admission_;
  Rng rng_;
  std::vector<Source> sources_;
  std::vector<Job> jobs_;
  std::deque<size_t> waiting_;
  std::priority_queue<Event> events_;
};

TEST_CASE("a tenant that floods at ten times the capacity does not move another tenant's p99 by more than a fifth") {
  constexpr uint32_t servers = 64;                      // about 2100 requests/s at 30 ms each
  constexpr double calm = 500, flood = 10 * 64 / 0.03;  // requests/s
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    SharedSite alone(servers, true, seed);
    alone.add("calm", calm);
    alone.run(60s);
    SharedSite beside(servers, true, seed);
    beside.add("calm", calm);
    beside.add("flood", flood);
    beside.run(60s);
    const double moved = beside.p99_ms(0) / alone.p99_ms(0);
    MESSAGE("p99 alone ", alone.p99_ms(0), " ms, beside the flood ", beside.p99_ms(0), " ms");
    CHECK(moved <= 1.2);
    CHECK(beside.refused(0) == 0);
    // The rest of the machine is not left idle.
    CHECK(beside.answered(1) > 60 * 0.5 * (servers / 0.03 - calm));
  }
}

TEST_CASE("the same flood without shares does move it: the test above can fail") {
  SharedSite open(64, false, 1);
  open.add("calm", 500);
  open.add("flood", 10 * 64 / 0.03);
  open.run(20s);
  CHECK(open.p99_ms(0) > 1000);
}

}  // namespace
}  // namespace barrio::decide::fair_share_test
