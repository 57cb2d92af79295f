#include "decide/placement/demand.h"

#include <algorithm>
#include <limits>

#include "base/check.h"
#include "decide/latency/path.h"

namespace barrio::decide {

Demand::Demand(const Network& network, const std::vector<DemandPlace>& places) {
  CHECK(!places.empty());
  for (const DemandPlace& place : places) weights_.push_back(place.weight);
  const Duration access = access_rtt(network.paths, Access::fibre);
  for (const Site& site : network.sites) {
    auto& times = times_.emplace_back();
    for (const DemandPlace& place : places) {
      times.push_back(access + path_rtt(network.paths, place.location, site.location));
    }
  }
}

Duration Demand::nearest(size_t site) const {
  return *std::min_element(times_[site].begin(), times_[site].end());
}

double Demand::cost_with(size_t site, const std::vector<double>& best) const {
  double cost = 0;
  for (size_t i = 0; i < weights_.size(); ++i) cost += weights_[i] * std::min(best[i], to_ms(times_[site][i]));
  return cost;
}

void Demand::serve(size_t site, std::vector<double>& best) const {
  for (size_t i = 0; i < best.size(); ++i) best[i] = std::min(best[i], to_ms(times_[site][i]));
}

std::vector<size_t> Demand::choose(std::vector<size_t> pool, size_t count, const std::vector<size_t>& chosen) const {
  std::vector<double> best(weights_.size(), std::numeric_limits<double>::infinity());
  for (const size_t site : chosen) serve(site, best);
  std::sort(pool.begin(), pool.end());
  std::vector<size_t> picked;
  while (picked.size() < count && !pool.empty()) {
    const auto cheaper = [&](size_t a, size_t b) { return cost_with(a, best) < cost_with(b, best); };
    const auto next = std::min_element(pool.begin(), pool.end(), cheaper);
    serve(*next, best);
    picked.push_back(*next);
    pool.erase(next);
  }
  return picked;
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
