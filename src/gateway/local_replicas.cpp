#include "gateway/local_replicas.h"

#include <algorithm>
#include <tuple>

#include "base/check.h"

namespace barrio::gateway {

namespace {
/// What each failure in a row weighs, in requests.
constexpr uint32_t failure_weight = 8;
}  // namespace

void LocalReplicas::adopt(std::vector<Ready> ready) {
  std::vector<Replica> next;
  for (Ready& one : ready) {
    Replica replica;
    replica.id = std::move(one.id);
    replica.endpoint = std::move(one.endpoint);
    const auto known = std::ranges::find(replicas_, replica.id, &Replica::id);
    if (known != replicas_.end()) {
      replica.in_flight = known->in_flight;
      replica.asked_at = known->asked_at;
      replica.ejection = known->ejection;
      replica.limit = known->limit;
    }
    next.push_back(std::move(replica));
  }
  replicas_ = std::move(next);
}

std::optional<LocalReplicas::Picked> LocalReplicas::pick(const ReplicaId& avoid, Time now) {
  CHECK(!replicas_.empty());
  const auto rank = [&](const Replica& replica) {
    const bool usable = replica.ejection.usable(now);
    // Of those that are all ejected, the one that is due first.
    const Time due = usable ? Time::min() : replica.ejection.back_at();
    // A replica that is due for its probe gets it, or it would never come back.
    const uint32_t load =
        replica.ejection.ejected() ? 0 : replica.in_flight + failure_weight * replica.ejection.failures();
    return std::tuple(!usable, !replica.limit.has_room(replica.in_flight), replica.id == avoid, due, load);
  };
  Replica& best = *std::ranges::min_element(replicas_, {}, rank);
  if (!best.limit.has_room(best.in_flight)) {
    for (Replica& replica : replicas_) replica.limit.turned_away(now);
    return std::nullopt;
  }
  ++best.in_flight;
  if (!best.asked_at) best.asked_at = now;
  return Picked{best.id, best.endpoint, best.ejection.sent(now)};
}

void LocalReplicas::over(const Sent& sent, ReplicaOutcome outcome, Time now) {
  const auto found = std::ranges::find(replicas_, sent.id, &Replica::id);
  if (found == replicas_.end()) return;
  const uint32_t had = found->in_flight;
  if (found->in_flight > 0) --found->in_flight;
  if (outcome == ReplicaOutcome::served) heard(sent.id, now);
  switch (outcome) {
    case ReplicaOutcome::served:
      found->limit.answered(sent.objective, sent.at, now);
      return found->ejection.succeeded();
    case ReplicaOutcome::silent: found->limit.fell_silent(had, sent.at, now); [[fallthrough]];
    case ReplicaOutcome::failed: return found->ejection.failed(sent.probe, now);
    case ReplicaOutcome::declined: found->limit.declined(now); [[fallthrough]];
    case ReplicaOutcome::unknown: return found->ejection.abandoned(sent.probe);
  }
}

bool LocalReplicas::usable_beside(const ReplicaId& id, Time now) const {
  return std::ranges::any_of(replicas_,
                             [&](const Replica& replica) { return replica.id != id && replica.ejection.usable(now); });
}

void LocalReplicas::heard(const ReplicaId& id, Time now) {
  const auto found = std::ranges::find(replicas_, id, &Replica::id);
  if (found == replicas_.end()) return;
  found->asked_at.reset();
  if (found->in_flight > 0) found->asked_at = now;
}

bool LocalReplicas::silent_for(const ReplicaId& id, Duration time, Time now) const {
  const auto found = std::ranges::find(replicas_, id, &Replica::id);
  return found != replicas_.end() && found->asked_at && now - *found->asked_at >= time;
}

size_t LocalReplicas::ejected() const {
  return static_cast<size_t>(
      std::ranges::count_if(replicas_, [](const Replica& replica) { return replica.ejection.ejected(); }));
}

}  // namespace barrio::gateway
