#include "decide/placement/demand.h"

#include <algorithm>

#include "base/check.h"
#include "decide/latency/path.h"

namespace barrio::decide {

ServiceCosts service_costs(const Network& network, const std::vector<DemandPlace>& places) {
  CHECK(!places.empty());
  double shares = 0;
  for (const DemandPlace& place : places) shares += place.share();
  ServiceCosts service{.points = places.size(), .cost = {}};
  const Duration access = access_rtt(network.paths, Access::fibre);
  for (const Site& site : network.sites) {
    for (const DemandPlace& place : places) {
      const double ms = to_ms(access + path_rtt(network.paths, place.location, site.location));
      service.cost.push_back(static_cast<float>(ms * place.share() / shares));
    }
  }
  return service;
}

std::vector<DemandPlace> default_demand(const Network& network) {
  const auto is_active = [](const Site& site) { return site.status == SiteStatus::active; };
  const bool any_active = std::any_of(network.sites.begin(), network.sites.end(), is_active);
  std::vector<DemandPlace> places;
  for (const Site& site : network.sites) {
    const auto same_city = [&](const DemandPlace& place) { return place.name == site.city; };
    if (any_active && !is_active(site)) continue;
    if (std::any_of(places.begin(), places.end(), same_city)) continue;
    places.push_back({.name = site.city, .location = site.location});
  }
  return places;
}

}  // namespace barrio::decide
