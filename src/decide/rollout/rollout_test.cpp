#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "decide/rollout/rollout.h"

#include <algorithm>
#include <map>

namespace barrio::decide::rollout_test {

namespace {

RolloutReplica replica(int number, int64_t ordered, ReplicaPhase phase, int64_t restarts = 0) {
  RolloutReplica one;
  one.id = ReplicaId::of("app-s" + std::to_string(number) + "-1");
  one.site = SiteId::of("s" + std::to_string(number));
  one.ordered = ordered;
  one.connected = true;
  one.report = ReplicaReport{one.id, ordered, phase, "why", restarts};
  one.ordered_for = 5s;
  return one;
}

constexpr auto ready = ReplicaPhase::ready;
constexpr auto starting = ReplicaPhase::starting;

}  // namespace

TEST_CASE("the next site follows only when the one before is ready") {
  std::vector<RolloutReplica> all = {replica(1, 1, ready), replica(2, 1, ready), replica(3, 1, ready)};
  CHECK(roll(all, 2, {}).advance == std::vector{all[0].id});
  all[0] = replica(1, 2, starting);
  CHECK(roll(all, 2, {}).advance.empty());
  all[0].report->generation = 1;  // still serves the one before
  all[0].report->phase = ready;
  CHECK(roll(all, 2, {}).advance.empty());
  all[0] = replica(1, 2, ready);
  CHECK(roll(all, 2, {}).advance == std::vector{all[1].id});
  all[1] = replica(2, 2, ready);
  all[2] = replica(3, 2, ready);
  CHECK(roll(all, 2, {}).done);
}

TEST_CASE("what does not serve anyway goes first, what is not heard last and without being waited for") {
  std::vector<RolloutReplica> all = {replica(1, 1, ready), replica(2, 1, ready), replica(3, 1, ReplicaPhase::failed)};
  all[0].connected = false;
  CHECK(roll(all, 2, {}).advance == std::vector{all[2].id});
  all[2] = replica(3, 2, ready);
  CHECK(roll(all, 2, {}).advance == std::vector{all[1].id});
  all[1] = replica(2, 2, ready);
  CHECK(roll(all, 2, {}).advance == std::vector{all[0].id});
  all[0].ordered = 2;
  CHECK(roll(all, 2, {}).done);
}

TEST_CASE("a release that restarts or is not ready in time stops, with the site and the reason") {
  std::vector<RolloutReplica> all = {replica(1, 2, starting, rollout_restarts), replica(2, 1, ready)};
  auto step = roll(all, 2, {});
  CHECK((step.advance.empty() && step.failed));
  CHECK(step.failed->find("s1: why") != std::string::npos);
  all[0] = replica(1, 2, starting);
  CHECK_FALSE(roll(all, 2, {}).failed);
  all[0].ordered_for = 2min;
  CHECK(roll(all, 2, {}).failed);
}

TEST_CASE("whatever is slow, no more than at_once replicas are under way, and every rollout of good releases ends") {
  CHECK(rc::check([] {
    const int count = *rc::gen::inRange(1, 12);
    const RolloutSpec how{.at_once = *rc::gen::inRange(1, 4)};
    std::vector<RolloutReplica> all;
    for (int i = 0; i < count; ++i) all.push_back(replica(i, 1, ready));
    std::map<ReplicaId, int> left;
    for (int turn = 0; turn < 200; ++turn) {
      const RolloutStep step = roll(all, 2, how);
      RC_ASSERT(!step.failed);
      if (step.done) return;
      for (const ReplicaId& id : step.advance) {
        std::ranges::find(all, id, &RolloutReplica::id)->ordered = 2;
        left[id] = *rc::gen::inRange(0, 4);
      }
      int under_way = 0;
      for (RolloutReplica& one : all) {
        const bool begun = one.ordered == 2 && one.report->generation == 1;
        under_way += begun ? 1 : 0;
        if (begun && left[one.id]-- <= 0) one.report->generation = 2;
      }
      RC_ASSERT(under_way <= how.at_once);
    }
    RC_FAIL("did not end");
  }));
}

}  // namespace barrio::decide::rollout_test
