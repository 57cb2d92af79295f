// How replicas leave a draining site, or one that others have taken over from: never before another site serves their
// app, and never with a request open while there is time.

#include <algorithm>

#include "base/log.h"
#include "control/control.h"

namespace barrio::control {

Control::Leave Control::leave_of(const ReplicaId& id, const AppKey& app) const {
  const auto placement = placements_.find(app);
  if (placement == placements_.end()) return Leave::not_leaving;
  const auto& leaving = placement->second.leaving;
  if (std::ranges::find(leaving, id, &decide::PlacedReplica::id) == leaving.end()) return Leave::not_leaving;
  const Replica* leaving_one = known_replica(id);
  if (leaving_one != nullptr && lost_.contains(leaving_one->site)) return Leave::lost;
  const auto& wanted = placement->second.replicas;
  if (wanted.empty()) return Leave::stays;
  const Time now = runtime_.now();
  if (now < lets_go_from_) return Leave::waits;
  const bool ready_elsewhere = std::ranges::any_of(wanted, [&](const auto& other) {
    const Replica* known = known_replica(other.id);
    return known != nullptr && known->phase == ReplicaPhase::ready && observed_.connected(other.site, now);
  });
  const bool all_there = std::ranges::none_of(wanted, [this](const auto& other) { return is_awaited(other); });
  return ready_elsewhere && all_there ? Leave::goes : Leave::waits;
}

Duration Control::ready_within(const AppKey& app) const {
  const App* known = find_app(app);
  return (known == nullptr ? RolloutSpec() : known->spec.rollout.value_or(RolloutSpec())).ready_within;
}

/// It is still to come: to be made, on its way to ready, at a site of which is yet to be seen whether it is lost, or
/// ready at one that is back and has to answer a request first. One that has failed, has had its time or is where
/// nobody ever was holds nobody up.
bool Control::is_awaited(const decide::PlacedReplica& wanted) const {
  if (!desired_.gateways.contains(wanted.site.str())) return false;
  const Replica* known = known_replica(wanted.id);
  if (known == nullptr) return true;
  if (known->phase == ReplicaPhase::failed) return false;
  const Time now = runtime_.now();
  if (!observed_.connected(wanted.site, now)) return true;
  if (known->phase == ReplicaPhase::ready) return !served_since_return(wanted);
  const auto ordered = ordered_.find(wanted.id);
  return ordered == ordered_.end() || now - ordered->second.second < ready_within(wanted.app);
}

void Control::note_leaving() {
  std::map<ReplicaId, Time> going;
  for (const auto& [app, placement] : placements_) {
    for (const decide::PlacedReplica& replica : placement.leaving) {
      if (leave_of(replica.id, app) != Leave::goes) continue;
      const auto known = going_since_.find(replica.id);
      if (known == going_since_.end()) log_info("replica may leave", {{"replica", replica.id.str()}});
      going.emplace(replica.id, known == going_since_.end() ? runtime_.now() : known->second);
    }
  }
  going_since_ = std::move(going);
}

/// Its site says so, or has been silent for longer than it would have taken.
bool Control::has_left(const decide::PlacedReplica& replica) const {
  const auto going = going_since_.find(replica.id);
  if (going == going_since_.end()) return false;
  const Observation* seen = observed_.of(replica.site);
  const Time now = runtime_.now();
  if (seen != nullptr && now - seen->last < trusted_for) {
    return seen->last > going->second && observed_.replica({replica.id, replica.app, replica.site}) == nullptr;
  }
  return now - going->second >= config_.drain_grace + trusted_for;
}

std::string Control::leave_text(const Replica& replica) const {
  switch (leave_of(replica.id, replica.app)) {
    case Leave::not_leaving: return "";
    case Leave::lost: return "is kept for the return of its site, which is lost";
    case Leave::waits: return "leaves once a replica elsewhere is ready";
    case Leave::goes: return "leaves once its requests are answered";
    case Leave::stays: break;
  }
  const auto& refusal = placements_.at(replica.app).refusal;
  return "stays: no other site can take it" + (refusal ? ": " + refusal->detail : "");
}

}  // namespace barrio::control
