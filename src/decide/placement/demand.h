#pragma once
// Where an app's users are, as network times to every site.

#include <vector>

#include "decide/placement/assignment.h"
#include "model/app.h"

namespace barrio::decide {

/// The share of each place times its round trip, in milliseconds, over fibre access, the fastest kind: what no site can
/// beat. Summed over places: the mean network time. `places` must not be empty.
ServiceCosts service_costs(const Network& network, const std::vector<DemandPlace>& places);

/// The cities of the active sites, each once with the same weight; of all sites when none is active.
std::vector<DemandPlace> default_demand(const Network& network);

}  // namespace barrio::decide
