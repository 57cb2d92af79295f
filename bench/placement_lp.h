#pragma once
// The same assignment problem for a solver of mixed integer programmes: CBC, as `cbc` in the path.

#include <optional>
#include <string>

#include "decide/placement/assignment.h"

namespace barrio::bench {

struct CbcAnswer {
  bool is_optimal = false;  // proven
  bool is_infeasible = false;
  double cost = 0;
  double bound = 0;  // no assignment costs less; 0: not told
  double seconds = 0;
};

/// All copies are to be placed. nullopt: cbc cannot be run. `most_seconds`: for the search.
std::optional<CbcAnswer> solve_with_cbc(const decide::AssignmentProblem& problem, int most_seconds);

}  // namespace barrio::bench
