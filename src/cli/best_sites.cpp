#include "cli/best_sites.h"

#include <algorithm>

#include "decide/latency/path.h"
#include "decide/residency/residency.h"

namespace barrio::cli {

std::vector<Candidate> candidates(const Network& network, const Policy& policy, const DemoCamera& camera,
                                  const std::set<SiteId>& down) {
  std::vector<Candidate> found;
  for (const Site& site : network.sites) {
    if (site.status != SiteStatus::active || down.contains(site.id) || !decide::permits(policy, site).permitted)
      continue;
    const Duration trip = decide::access_rtt(network.paths, camera.access) +
                          decide::path_rtt(network.paths, camera.location, site.location);
    found.push_back({site.id, to_ms(trip)});
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Candidate& a, const Candidate& b) { return a.round_trip_ms < b.round_trip_ms; });
  return found;
}

std::set<SiteId> best_of(const std::vector<Candidate>& candidates, Duration tolerance) {
  std::set<SiteId> best;
  for (const Candidate& candidate : candidates) {
    if (candidate.round_trip_ms <= candidates.front().round_trip_ms + to_ms(tolerance)) best.insert(candidate.site);
  }
  return best;
}

}  // namespace barrio::cli
