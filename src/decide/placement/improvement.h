#pragma once
// The global improvement, made safe to carry out: a replica that moves is started at its new site first, and the old
// one ends once the new one is ready. So both must have room at the same time, and what is started must be what
// placement keeps when it finds both.

#include <functional>
#include <set>
#include <span>
#include <vector>

#include "decide/placement/placement.h"

namespace barrio::decide {

struct ImprovementOptions {
  Weights weights = {};
  uint64_t work = 10'000'000;           // SearchOptions
  size_t most = 4;                      // apps that move at a time, so that sites and links are not busy with moves
  std::function<bool()> given_up = {};  // SearchOptions
  std::set<SiteId> unheard = {};        // PlacementOptions
  std::map<SiteId, SiteRuns> runs = {};
};

/// The replicas to start so that, once they are ready and the old ones are gone, the network costs less, moves paid.
/// Empty where nothing pays, or where `present` is not yet what place() wants: one thing after the other.
std::vector<PlacedReplica> improvement(const Network& network, std::span<const App> apps,
                                       std::span<const PlacedReplica> present, const ImprovementOptions& options = {});

}  // namespace barrio::decide
