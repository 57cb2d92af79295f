#include "decide/reconcile/reconcile.h"

#include <algorithm>

namespace barrio::decide {

namespace {

bool serves(const ReplicaReport& report, const ReplicaOrder& order) {
  const bool on_its_way = report.phase == ReplicaPhase::ready || report.phase == ReplicaPhase::starting;
  return report.generation == order.generation && on_its_way;
}

template <class List>
auto find_id(const List& list, const ReplicaId& id) {
  return std::find_if(list.begin(), list.end(), [&](const auto& item) { return item.id == id; });
}

}  // namespace

std::vector<Action> reconcile(std::span<const ReplicaOrder> desired, std::span<const ReplicaReport> observed,
                              const std::function<bool(const ReplicaId&)>& may_stop) {
  std::vector<Action> actions;
  for (const ReplicaReport& report : observed) {
    const auto order = find_id(desired, report.id);
    const bool wanted = order != desired.end() && (!order->leave_within || !may_stop(report.id));
    if (!wanted) actions.push_back(StopReplica{report.id});
  }
  std::vector<Action> anew;
  for (const ReplicaOrder& order : desired) {
    if (order.leave_within) continue;
    const auto report = find_id(observed, order.id);
    if (report != observed.end() && serves(*report, order)) continue;
    (report == observed.end() ? anew : actions).push_back(StartReplica{order});
  }
  actions.insert(actions.end(), anew.begin(), anew.end());
  return actions;
}

}  // namespace barrio::decide
