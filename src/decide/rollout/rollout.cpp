#include "decide/rollout/rollout.h"

#include <algorithm>

namespace barrio::decide {

namespace {

bool ready_with(const RolloutReplica& replica, int64_t generation) {
  return replica.report && replica.report->generation == generation && replica.report->phase == ReplicaPhase::ready;
}

/// Why this replica, told to run the target, will not.
std::optional<std::string> failure(const RolloutReplica& replica, int64_t target, const RolloutSpec& how) {
  if (!replica.connected || ready_with(replica, target)) return std::nullopt;
  const std::string detail = replica.report ? replica.report->detail : "";
  const std::string where = replica.site.str() + ": " + (detail.empty() ? "it does not become ready" : detail);
  const bool is_of_it = replica.report && (replica.report->generation == target || replica.report->coming == target);
  if (is_of_it && replica.report->restarts >= rollout_restarts)
    return where + " (" + std::to_string(replica.report->restarts) + " restarts)";
  if (replica.ordered_for >= how.ready_within) return where + " (after " + to_string(how.ready_within) + ")";
  return std::nullopt;
}

}  // namespace

RolloutStep roll(std::span<const RolloutReplica> replicas, int64_t target, const RolloutSpec& how) {
  RolloutStep step;
  int under_way = 0;
  std::vector<const RolloutReplica*> waiting;
  for (const RolloutReplica& replica : replicas) {
    if (replica.ordered != target) {
      waiting.push_back(&replica);
      continue;
    }
    if (auto why = failure(replica, target, how)) {
      step.failed = std::move(why);
      return step;
    }
    under_way += replica.connected && !ready_with(replica, target) ? 1 : 0;
  }
  step.done = waiting.empty() && under_way == 0;
  const auto rank = [](const RolloutReplica* replica) {
    if (!replica->connected) return 2;
    return replica->report && replica->report->phase == ReplicaPhase::ready ? 1 : 0;
  };
  std::ranges::stable_sort(waiting, {}, rank);
  for (const RolloutReplica* replica : waiting) {
    // One of a lost site is told without being waited for, but only once all others are done.
    const bool room = replica->connected ? under_way < how.at_once : under_way == 0;
    if (!room) break;
    step.advance.push_back(replica->id);
    under_way += replica->connected ? 1 : 0;
  }
  return step;
}

}  // namespace barrio::decide
