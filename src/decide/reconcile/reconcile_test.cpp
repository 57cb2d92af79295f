#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>

#include "decide/reconcile/reconcile.h"

namespace barrio::decide::reconcile_test {

namespace {

ReplicaOrder order(const std::string& id, int64_t generation) {
  ReplicaOrder made;
  made.id = ReplicaId::of(id);
  made.generation = generation;
  return made;
}

ReplicaReport report(const std::string& id, int64_t generation, ReplicaPhase phase) {
  return {.id = ReplicaId::of(id), .generation = generation, .phase = phase, .detail = "", .restarts = 0};
}

/// "start r1", "stop r2".
std::vector<std::string> text(const std::vector<Action>& actions) {
  std::vector<std::string> lines;
  for (const Action& action : actions) {
    const auto* start = std::get_if<StartReplica>(&action);
    lines.push_back(start ? "start " + start->order.id.str() : "stop " + std::get<StopReplica>(action).id.str());
  }
  return lines;
}

/// The site as it is after the actions were done.
std::vector<ReplicaReport> after_doing(std::vector<ReplicaReport> observed, const std::vector<Action>& actions) {
  for (const Action& action : actions) {
    const auto* start = std::get_if<StartReplica>(&action);
    const ReplicaId id = start ? start->order.id : std::get<StopReplica>(action).id;
    std::erase_if(observed, [&](const ReplicaReport& seen) { return seen.id == id; });
    if (start) observed.push_back(report(id.str(), start->order.generation, ReplicaPhase::starting));
  }
  return observed;
}

const auto any_phase =
    rc::gen::element(ReplicaPhase::starting, ReplicaPhase::ready, ReplicaPhase::failed, ReplicaPhase::stopping);

std::vector<ReplicaOrder> any_orders() {
  std::vector<ReplicaOrder> orders;
  for (int n = 0; n < 12; ++n) {
    if (*rc::gen::arbitrary<bool>()) continue;
    orders.push_back(order("r" + std::to_string(n), *rc::gen::inRange(1, 4)));
  }
  return orders;
}

std::vector<ReplicaReport> any_reports() {
  std::vector<ReplicaReport> reports;
  for (int n = 0; n < 12; ++n) {
    if (*rc::gen::arbitrary<bool>()) continue;
    reports.push_back(report("r" + std::to_string(n), *rc::gen::inRange(1, 4), *any_phase));
  }
  return reports;
}

}  // namespace

TEST_CASE("what is missing, failed, stopping or of another generation starts; what is not desired stops first") {
  const std::vector desired = {order("ready", 2),  order("old", 2),    order("missing", 1),
                               order("failed", 1), order("coming", 1), order("going", 1)};
  const std::vector observed = {
      report("ready", 2, ReplicaPhase::ready),     report("old", 1, ReplicaPhase::ready),
      report("gone", 1, ReplicaPhase::ready),      report("failed", 1, ReplicaPhase::failed),
      report("coming", 1, ReplicaPhase::starting), report("going", 1, ReplicaPhase::stopping)};
  CHECK(text(reconcile(desired, observed)) ==
        std::vector<std::string>{"stop gone", "start old", "start failed", "start going", "start missing"});
}

TEST_CASE("a replica that is to leave is not started, and stops only when it may") {
  std::vector orders = {order("leaving", 1), order("gone", 1)};
  for (ReplicaOrder& one : orders) one.leave_within = 30s;
  const std::vector observed = {report("leaving", 1, ReplicaPhase::ready)};
  CHECK(reconcile(orders, observed).empty());
  const auto actions = reconcile(orders, observed, [](const ReplicaId&) { return true; });
  CHECK(text(actions) == std::vector<std::string>{"stop leaving"});
}

TEST_CASE("an empty order list stops everything and nothing more") {
  CHECK(text(reconcile({}, std::vector{report("a", 1, ReplicaPhase::failed)})) == std::vector<std::string>{"stop a"});
  CHECK(reconcile({}, {}).empty());
}

TEST_CASE("reconcile converges in one step, whatever was there") {
  CHECK(rc::check([] {
    const auto desired = any_orders();
    const auto observed = any_reports();
    const auto after = after_doing(observed, reconcile(desired, observed));
    RC_ASSERT(reconcile(desired, after).empty());
    RC_ASSERT(after.size() == desired.size());
  }));
}

TEST_CASE("what is replaced comes before what is new, which may need the room") {
  const std::vector<ReplicaOrder> desired = {order("a", 1), order("b", 2)};
  const std::vector<ReplicaReport> observed = {report("b", 1, ReplicaPhase::ready),
                                               report("c", 1, ReplicaPhase::ready)};
  CHECK(text(reconcile(desired, observed)) == std::vector<std::string>{"stop c", "start b", "start a"});
}

TEST_CASE("what is ready with the same generation is never touched") {
  CHECK(rc::check([] {
    const auto desired = any_orders();
    const auto observed = any_reports();
    for (const Action& action : reconcile(desired, observed)) {
      const auto* start = std::get_if<StartReplica>(&action);
      if (start == nullptr) continue;
      RC_ASSERT(std::none_of(observed.begin(), observed.end(), [&](const ReplicaReport& seen) {
        return seen.id == start->order.id && seen.generation == start->order.generation &&
               seen.phase == ReplicaPhase::ready;
      }));
    }
  }));
}

}  // namespace barrio::decide::reconcile_test
