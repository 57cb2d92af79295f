#pragma once
// Which sites should serve a camera, worked out from the network file alone: the check on what the gateways decide.

#include <set>
#include <vector>

#include "cli/demo.h"
#include "model/network.h"

namespace barrio::cli {

struct Candidate {
  SiteId site;
  double round_trip_ms = 0;
};

/// Active sites that the policy permits and that are not down, soonest first, by the priors for the path.
std::vector<Candidate> candidates(const Network& network, const Policy& policy, const DemoCamera& camera,
                                  const std::set<SiteId>& down);

/// Those no more than `tolerance` behind the first.
std::set<SiteId> best_of(const std::vector<Candidate>& candidates, Duration tolerance);

}  // namespace barrio::cli
