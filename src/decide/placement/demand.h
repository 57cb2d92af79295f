#pragma once
// Where an app's users are, as network times to every site, and the greedy choice of sites that serve them best.

#include <vector>

#include "model/app.h"

namespace barrio::decide {

/// Round trips over fibre access, the fastest kind: what no site can beat.
class Demand {
 public:
  /// `places` must not be empty.
  Demand(const Network& network, const std::vector<DemandPlace>& places);
  /// From the nearest place to the site.
  Duration nearest(size_t site) const;
  /// Up to `count` sites of `pool`, in the order in which each lowers the weighted network time most when added to
  /// `chosen`; equal ones by index.
  std::vector<size_t> choose(std::vector<size_t> pool, size_t count, const std::vector<size_t>& chosen) const;

 private:
  double cost_with(size_t site, const std::vector<double>& best) const;
  void serve(size_t site, std::vector<double>& best) const;
  std::vector<double> weights_;               // by place
  std::vector<std::vector<Duration>> times_;  // by site, then place
};

/// The cities of the active sites, each once with the same weight; of all sites when none is active.
std::vector<DemandPlace> default_demand(const Network& network);

}  // namespace barrio::decide
