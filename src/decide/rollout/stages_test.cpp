#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "decide/rollout/stages.h"

#include <algorithm>
#include <set>

namespace barrio::decide::stages_test {

namespace {

const StagePace pace;

StageSite site(int number, double requests = 200, double bad = 2) {
  return {.site = SiteId::of("s" + std::to_string(number)),
          .active = true,
          .connected = true,
          .heard = true,
          .silent_for = 500ms,
          .holds = false,
          .now = {requests, bad, 80}};
}

std::vector<StageSite> sites(int count) {
  std::vector<StageSite> all;
  for (int i = 0; i < count; ++i) all.push_back(site(i));
  return all;
}

StagedChange change(std::vector<SiteId> reached = {}) {
  StagedChange made;
  made.what = "network";
  made.stage = reached.size() > 1 ? Stage::portions : Stage::first;
  made.reached = std::move(reached);
  for (const StageSite& one : sites(20)) made.healthy[one.site.str()] = one.now;
  return made;
}

/// At the first of them, which has had it for a while.
struct AtOne {
  std::vector<StageSite> all = sites(9);
  StagedChange at = change({SiteId::of("s0")});
  StageStep next(Duration time) {
    all[0].holds = true;
    all[0].given_for = time;
    return next_stage(at, all, time, pace);
  }
};

Settings quota(double rate, int64_t in_flight = 100) {
  return {.quota = TenantQuota{.requests_per_second = rate, .in_flight = in_flight}};
}

Settings app(Duration latency, std::optional<AppLimits> limits = {}) {
  return {.app = AppSettings{{latency, 99}, limits}};
}

AppLimits rate_limit(double rate, std::optional<int64_t> burst = {}) {
  AppLimits limits;
  limits.requests_per_second = rate;
  limits.burst = burst;
  return limits;
}

}  // namespace

TEST_CASE("what only takes away from somebody is held back nowhere, all else is") {
  CHECK(!held_back(quota(100), quota(100)));
  CHECK(!held_back(quota(100), quota(50)));
  CHECK(!held_back(quota(100), quota(200, 99)));
  REQUIRE(held_back(quota(100), quota(200)));
  CHECK(held_back(quota(100), quota(200))->quota->requests_per_second == 100);
  CHECK(!held_back(app(100ms), app(100ms, rate_limit(5))));
  CHECK(held_back(app(100ms, rate_limit(5)), app(100ms))->app->limits->requests_per_second == 5);
  // The new limit is everywhere at once, and the new objective at one site first.
  const auto both = held_back(app(100ms), app(50ms, rate_limit(5)));
  REQUIRE(both);
  CHECK(both->app->objective.latency == 100ms);
  CHECK(both->app->limits->requests_per_second == 5);
}

TEST_CASE("no burst is one second's requests: a limit is stricter or not by what comes of it") {
  CHECK(held_back(app(100ms, rate_limit(10)), app(100ms, rate_limit(10, 50))));
  CHECK(!held_back(app(100ms, rate_limit(10, 50)), app(100ms, rate_limit(10))));
  CHECK(!held_back(app(100ms, rate_limit(10, 50)), app(100ms, rate_limit(20))));
  CHECK(held_back(app(100ms, rate_limit(10, 10)), app(100ms, rate_limit(10, 11))));
  CHECK(held_back(app(100ms, rate_limit(10, 10)), app(100ms, rate_limit(20))));
  CHECK(held_back(app(100ms, rate_limit(10, 10)), app(100ms)));
  CHECK(!held_back(app(100ms), app(100ms, rate_limit(10, 50))));
}

TEST_CASE("the first site is the one with the fewest requests that are enough to tell by") {
  std::vector<StageSite> all = {site(0, 900), site(1, 30), site(2, 5), site(3, 12), site(4, 11)};
  all[4].active = false;
  const auto step = next_stage(change(), all, {}, pace);
  CHECK(step.add == std::vector{SiteId::of("s3")});
  all[3].stands_aside = true;
  CHECK(next_stage(change(), all, {}, pace).add == std::vector{SiteId::of("s1")});
  all[3].stands_aside = false;
  for (StageSite& one : all) one.now.requests /= 100;
  CHECK(next_stage(change(), all, {}, pace).add == std::vector{SiteId::of("s0")});
  for (StageSite& one : all) one.connected = false;
  CHECK(next_stage(change(), all, {}, pace).add.empty());
}

TEST_CASE("after twenty quiet seconds at the first site come a quarter of all, a half, and all, five seconds apart") {
  AtOne run;
  CHECK(run.next(19s).add.empty());
  const auto portion = run.next(20s);
  CHECK(portion.add.size() == 2);
  CHECK(!portion.failed);
  run.at = change({SiteId::of("s0"), SiteId::of("s1"), SiteId::of("s2")});
  CHECK(run.next(20s).add.empty());  // two of them do not have it yet
  run.all[1].holds = run.all[2].holds = true;
  CHECK(run.next(4s).add.empty());
  CHECK(run.next(5s).add.size() == 2);
  for (int i = 3; i < 9; ++i) run.at.reached.push_back(SiteId::of("s" + std::to_string(i)));
  for (StageSite& one : run.all) one.holds = true;
  CHECK(!run.next(4s).done);
  CHECK(run.next(5s).done);
}

TEST_CASE("a site that is away holds nothing up and gets it last") {
  AtOne run;
  run.all[1].connected = false;
  run.all[1].silent_for = 1h;
  const auto portion = run.next(20s);
  CHECK(std::ranges::find(portion.add, SiteId::of("s1")) == portion.add.end());
  run.at.reached.clear();
  for (StageSite& one : run.all) {
    run.at.reached.push_back(one.site);
    one.holds = one.connected;
  }
  run.at.stage = Stage::portions;
  CHECK(run.next(10s).done);
}

TEST_CASE("a site that refused before the change began holds nothing up, gets it last, and is not the change's fault") {
  AtOne run;
  run.all[1].stands_aside = true;
  run.all[1].refused = "network: is of an older Barrio";
  const auto portion = run.next(20s);
  CHECK(!portion.failed);
  CHECK(std::ranges::find(portion.add, SiteId::of("s1")) == portion.add.end());
  run.at.reached.clear();
  for (StageSite& one : run.all) {
    run.at.reached.push_back(one.site);
    one.holds = !one.stands_aside;
  }
  run.all[1].waits_for = 1h;
  run.at.stage = Stage::portions;
  CHECK(run.next(10s).done);
}

TEST_CASE("where the only site that has it is no more, it begins again at another") {
  AtOne run;
  run.at.reached = {SiteId::of("retired")};
  const auto step = run.next(1h);
  CHECK(step.add.size() == 1);
  CHECK(!step.done);
}

TEST_CASE("only a site that spoke since it could have had the change is silent since it has it") {
  AtOne run;
  StageSite& first = run.all[0];
  first.connected = false;
  first.silent_for = 13s;
  CHECK(!run.next(12s).failed);  // one second before it was given it
  CHECK(run.next(13s).failed);
  first.heard = false;
  CHECK(run.next(12s).failed);
  run.at.healthy.erase("s0");
  CHECK(!run.next(12s).failed);
}

TEST_CASE("a tenant is told that a site refuses its change, not what the site says of its whole snapshot") {
  AtOne run;
  run.all[0].refused = "apps[3]: of somebody else";
  run.at.what = "app/traffic/street";
  CHECK(run.next(1s).failed == "s0: refuses it");
}

TEST_CASE("it fails when the site refuses it, does not take it, falls silent, errs more or is slower") {
  AtOne run;
  const auto why = [&](Duration time) { return run.next(time).failed.value_or(""); };
  CHECK(why(10s).empty());
  run.all[0].refused = "network: sites[3]: is no place";
  CHECK(why(1s) == "s0: refuses it: network: sites[3]: is no place");
  run = {};
  run.all[0].now = {200, 40, 80};
  CHECK(why(1s) == "s0: 20 % of its requests are refused or late; 1 % would be as usual");
  run.all[0].now = {200, 2, 180};
  CHECK(why(1s) == "s0: p99 is 180 ms; 80 ms would be as usual");
  run = {};
  run.all[0].connected = false;
  run.all[0].silent_for = 10s;
  CHECK(why(12s) == "s0: is silent since it has it");
  // Where most are not heard, it is not the change.
  for (StageSite& one : run.all) one.connected = false;
  CHECK(why(12s).empty());
  run = {};
  run.all[0].waits_for = 14s;
  CHECK(!next_stage(run.at, run.all, 0s, pace).failed);
  run.all[0].waits_for = 15s;
  CHECK(next_stage(run.at, run.all, 0s, pace).failed == "s0: does not take it within 15s");
}

TEST_CASE("what becomes worse everywhere is not the change's fault, and a few bad requests are chance") {
  AtOne run;
  run.all[0].now = {200, 44, 200};
  for (size_t i = 1; i < run.all.size(); ++i) run.all[i].now = {200, 40, 190};
  CHECK(!run.next(1s).failed);
  run = {};
  run.all[0].now = {12, 4, 80};
  CHECK(!run.next(1s).failed);
  run.all[0].now = {4, 4, 80};
  CHECK(!run.next(1s).failed);
}

TEST_CASE("without anything to compare with, half of all requests must go wrong") {
  const Health none;
  CHECK(!worse_off(none, {100, 50, 80}, none, none));
  CHECK(worse_off(none, {100, 51, 80}, none, none));
  CHECK(worse_off(none, {100, 20, 80}, none, {100, 1, 80}));
}

TEST_CASE("health is of the flows that the change is about") {
  Flow mine;
  mine.app = {TenantId::of("t"), AppName::of("a")};
  mine.answered = 90;
  mine.late = 5;
  mine.refused = 10;
  mine.total = {20, 100};
  Flow other = mine;
  other.app = {TenantId::of("t"), AppName::of("b")};
  other.total = {20, 200};
  const std::vector<Flow> flows = {mine, other};
  const auto health = health_of(flows);
  CHECK(health.at("app/t/a").requests == 100);
  CHECK(health.at("app/t/a").bad == 15);
  CHECK(health.at("tenant/t").p99_ms == 150);
  CHECK(health.at("network").requests == 200);
  CHECK(health.size() == 4);
}

TEST_CASE("whatever is slow or away, one site has it until it has soaked, and a good change ends at all of them") {
  CHECK(rc::check([] {
    const int count = *rc::gen::inRange(1, 40);
    std::vector<StageSite> all = sites(count);
    StagedChange at = change();
    Duration held_for{};
    Duration given_for{};
    Duration alone_for{};
    for (int second = 0; second < 400; ++second) {
      bool all_hold = true;
      for (StageSite& one : all) {
        const bool reached = std::ranges::find(at.reached, one.site) != at.reached.end();
        if (*rc::gen::inRange(0, 60) == 0) one.connected = !one.connected;
        one.silent_for = one.connected ? Duration(500ms) : Duration(24h);  // away before it was given anything
        if (reached && one.connected) one.holds = one.holds || given_for >= 2s;
        all_hold = all_hold && (!reached || !one.connected || one.holds);
      }
      held_for = all_hold ? held_for + 1s : 0s;
      const auto step = next_stage(at, all, held_for, pace);
      RC_ASSERT(!step.failed);
      if (step.done) {
        RC_ASSERT(at.reached.size() == all.size());
        return;
      }
      if (at.reached.size() == 1) alone_for += 1s;
      if (at.reached.size() == 1 && !step.add.empty()) RC_ASSERT(alone_for >= pace.soak);
      if (at.reached.empty()) RC_ASSERT(step.add.size() <= 1u);
      for (const SiteId& one : step.add) {
        RC_ASSERT(std::ranges::find(at.reached, one) == at.reached.end());
        at.reached.push_back(one);
      }
      at.stage = at.reached.size() > 1 ? Stage::portions : Stage::first;
      given_for = step.add.empty() ? given_for + 1s : Duration(0s);
      if (!step.add.empty()) held_for = 0s;
      if (second > 250) {
        for (StageSite& one : all) one.connected = true;
      }
    }
    RC_FAIL("not at all of them after 400 s");
  }));
}

TEST_CASE("a change that makes requests fail is stopped before a second site has it, wherever it begins") {
  CHECK(rc::check([] {
    std::vector<StageSite> all = sites(*rc::gen::inRange(2, 40));
    for (StageSite& one : all) one.now.requests = *rc::gen::inRange(20, 1000);
    for (StageSite& one : all) one.now.bad = one.now.requests * *rc::gen::inRange(0, 10) / 100;
    StagedChange at = change();
    at.healthy.clear();
    for (const StageSite& one : all) at.healthy[one.site.str()] = one.now;
    at.reached = next_stage(at, all, {}, pace).add;
    RC_ASSERT(at.reached.size() == 1u);
    StageSite& first = *std::ranges::find(all, at.reached.front(), &StageSite::site);
    first.holds = true;
    first.now.bad += first.now.requests * *rc::gen::inRange(35, 90) / 100;
    RC_ASSERT(next_stage(at, all, 1s * *rc::gen::inRange(1, 60), pace).failed.has_value());
    at.stage = Stage::failed;
    RC_ASSERT(next_stage(at, all, 1h, pace).add.empty());
  }));
}

}  // namespace barrio::decide::stages_test
