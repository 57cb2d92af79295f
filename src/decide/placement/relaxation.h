#pragma once
// Placement without capacities but with rents for them, raised where items together take too much: Lagrangian
// relaxation by subgradient steps (Fisher 1981). The rents say what room is worth, and the choices are where a search
// begins that has to bring them within capacity.

#include <vector>

#include "decide/placement/assignment.h"

namespace barrio::decide {

struct Relaxed {
  std::vector<std::vector<uint32_t>> bins;  // by item
  std::vector<double> rents;                // by resource, for each unit
  std::vector<double> prices;               // by resource, for each unit beyond capacity: where to begin
  bool exceeds = false;                     // capacities matter: without rents they are exceeded
};

/// `work` as in SearchOptions.
Relaxed relax(const AssignmentProblem& problem, uint64_t work);

}  // namespace barrio::decide
