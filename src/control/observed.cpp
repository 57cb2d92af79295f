#include "control/observed.h"

#include <algorithm>

namespace barrio::control {

void Observed::note(SiteReport report, Time now) {
  const SiteId site = report.site;
  report.usage.reset();  // kept elsewhere
  sites_[site] = {now, std::move(report)};
}

const Observation* Observed::of(const SiteId& site) const {
  auto found = sites_.find(site);
  return found == sites_.end() ? nullptr : &found->second;
}

bool Observed::connected(const SiteId& site, Time now) const {
  const Observation* seen = of(site);
  return seen != nullptr && now - seen->last < connected_for;
}

const ReplicaReport* Observed::replica(const Replica& replica) const {
  const Observation* seen = of(replica.site);
  if (seen == nullptr) return nullptr;
  auto found = std::ranges::find(seen->report.replicas, replica.id, &ReplicaReport::id);
  return found == seen->report.replicas.end() ? nullptr : &*found;
}

ReplicaPhase Observed::phase(const Replica& replica, Time now) const {
  const Observation* seen = of(replica.site);
  const Time heard = seen == nullptr ? started_ : seen->last;
  if (now - heard >= trusted_for) return ReplicaPhase::starting;
  if (seen == nullptr) return replica.phase;
  const ReplicaReport* report = this->replica(replica);
  if (report == nullptr) return ReplicaPhase::starting;
  // One of another generation serves until it is replaced.
  const bool serves = report->generation == replica.generation || report->phase == ReplicaPhase::ready;
  return serves ? report->phase : ReplicaPhase::starting;
}

}  // namespace barrio::control
