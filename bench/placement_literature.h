#pragma once
// Instances of the literature, as problems of decide/placement/assignment.h.

#include <string>

#include "base/result.h"
#include "decide/placement/assignment.h"

namespace barrio::bench {

/// Generalized assignment: "agents jobs", costs by agent, resources by agent, capacities.
decide::AssignmentProblem read_gap(const std::string& text);
/// Single-source capacitated location: "sites customers", capacity and fixed cost by site, all demands, then the costs
/// of all customers by site.
decide::AssignmentProblem read_location(const std::string& text);

}  // namespace barrio::bench
