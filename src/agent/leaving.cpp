#include "agent/leaving.h"

namespace barrio::agent {

void Leaving::advance(Entry& entry, Duration grace, const LeaveState& state, Time now) {
  if (!state.elsewhere) {
    entry = {};
    return;
  }
  if (!entry.elsewhere) {
    entry.elsewhere = true;
    entry.elsewhere_since = now;
  }
  if (!entry.withdrawn && now - entry.elsewhere_since >= known_by_all) {
    // Not stopped in the same look: the gateway hears of it first, and may have sent one more until then.
    entry.withdrawn = true;
    entry.withdrawn_at = now;
    return;
  }
  entry.may_stop = entry.withdrawn && (state.in_flight == 0 || now - entry.withdrawn_at >= grace);
}

bool Leaving::withdrawn(const ReplicaId& id) const {
  const auto found = entries_.find(id);
  return found != entries_.end() && found->second.withdrawn;
}

bool Leaving::may_stop(const ReplicaId& id) const {
  const auto found = entries_.find(id);
  return found != entries_.end() && found->second.may_stop;
}

}  // namespace barrio::agent
