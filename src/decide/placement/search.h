#pragma once
// Finding good assignments: a first one by regret, and improvement by local search. The search moves one copy, or one
// copy and another that makes room for it (swap, ejection), and prices what exceeds capacity instead of forbidding it:
// prices rise while a resource is exceeded and fall while it is not (strategic oscillation: Yagiura, Ibaraki, Glover
// 2006, for generalized assignment). Service costs of a change are those of Whitaker's fast interchange (1983). Where
// no bin costs anything to open, half of the work goes to ruin and recreate (rebuild.h), from the best found.
// Deterministic: the same problem, start and options give the same answer; the bound is work, not time.

#include <functional>
#include <span>

#include "decide/placement/assignment.h"

namespace barrio::decide {

/// Gives the item what it misses, at the least added cost, where there is room now; nothing else moves. How many copies
/// were added. `bins`: only there.
size_t fill(Assignment& assignment, size_t item);
size_t fill(Assignment& assignment, size_t item, std::span<const uint32_t> bins);
/// All items, in their order.
void fill_all(Assignment& assignment);

struct SearchOptions {
  uint64_t work = 10'000'000;  // bins looked at for an item's copy, about 5 ns each
  uint64_t seed = 1;
  /// Asked often, from where the search runs: true ends it, with the best found so far. Empty: nobody asks.
  std::function<bool()> given_up = {};
};

/// An assignment that is feasible and costs no more than `start`, which must be feasible.
Assignment improve(const Assignment& start, const SearchOptions& options);

}  // namespace barrio::decide
