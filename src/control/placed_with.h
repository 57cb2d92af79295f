#pragma once
// What the present placements were decided from: to decide again from the same would give the same.

#include <map>
#include <set>
#include <vector>

#include "decide/placement/placement.h"
#include "ports/state_store.h"

namespace barrio::control {

struct PlacedWith {
  ports::Revision revision = -1;  // of the state
  std::vector<App> apps;          // with their demand
  std::set<SiteId> lost;
  std::set<SiteId> unheard;
  decide::AtUnheard at_unheard = decide::AtUnheard::leaves;
  std::map<SiteId, SiteRuns> runs;

  /// Of the same sites.
  bool same_sites(const PlacedWith& other) const {
    return lost == other.lost && unheard == other.unheard && at_unheard == other.at_unheard && runs == other.runs;
  }
};

}  // namespace barrio::control
