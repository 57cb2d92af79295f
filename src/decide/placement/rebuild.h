#pragma once
// Better assignments by ruin and recreate under simulated annealing (Schrimpf et al. 2000): a chain of copies is taken
// out, each from where the one before would rather be, and put back one by one where that costs least and there is
// room. What costs more is taken at first, and less and less. It never leaves what is feasible, and no item has fewer
// copies afterwards than it began with.

#include "decide/placement/search.h"

namespace barrio::decide {

/// As `improve`, whose last part it is.
Assignment rebuild(const Assignment& start, const SearchOptions& options);

}  // namespace barrio::decide
