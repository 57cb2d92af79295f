#pragma once
// Networks and apps that were made up, by seed.

#include <vector>

#include "base/rng.h"
#include "model/app.h"

namespace barrio::sim {

struct MadeNetwork {
  Network network;
  std::vector<App> apps;
};

struct NetworkShape {
  size_t sites = 20;
  size_t apps = 50;
  int most_replicas = 4;    // each app asks for 1 to so many
  size_t places = 4;        // most of an app's demand; 0: the default, all cities
  double fill = 0.8;        // the share of all power that the replicas ask for
  bool has_racks = false;   // two racks below a feeder in some sites
  bool has_slices = false;  // some apps ask for MIG slices
};

/// One or two feeders and two or three racks below the site, which have all that it has; fed twice over or not, and all
/// together with more power than it.
void build_power_tree(Site& site, Rng& rng);

/// Sites over Spain, some of them at twice the size, apps with policies, objectives and demand of their own.
MadeNetwork make_network(const NetworkShape& shape, uint64_t seed);

}  // namespace barrio::sim
