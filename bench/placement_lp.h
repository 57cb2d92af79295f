#pragma once
// The same assignment problem as a mixed integer programme.

#include "decide/placement/assignment.h"
#include "linear_program.h"

namespace barrio::bench {

/// All copies are to be placed. `known` gives the columns their start; where it misses copies it is no solution.
/// Problems without costs of opening a bin.
LinearProgram program_of(const decide::Assignment& known);

}  // namespace barrio::bench
