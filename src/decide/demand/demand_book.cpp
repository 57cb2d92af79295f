#include "decide/demand/demand_book.h"

#include <algorithm>
#include <cmath>

namespace barrio::decide {

namespace {

constexpr Duration slice = 10s;
/// A gateway that is silent for longer is lost; its devices ask others.
constexpr Duration seen_for = 5s;
/// Of a Poisson count, the standard deviations that are taken for chance.
constexpr double chance = 2;
constexpr double nothing = 0.01;  // requests a second: not worth a replica

int64_t slice_of(Time now) {
  return now.time_since_epoch() / slice;
}

int64_t hour_of(WallTime wall) {
  return std::chrono::floor<std::chrono::hours>(wall.time_since_epoch()).count();
}

size_t of_day(int64_t hour) {
  return static_cast<size_t>((hour % 24 + 24) % 24);
}

}  // namespace

Result<void> PlaceShape::check() const {
  const auto good = [](double rate) { return rate >= 0 && rate <= 1e9; };
  if (hours.size() == 24 && std::ranges::all_of(hours, good)) return {};
  return fail(Code::invalid, "must be 24 rates, each from 0 to 1000000000", "hours");
}

DemandBook::Seen DemandBook::Place::sum(Time now) const {
  Seen sum{.in_2s = 0, .in_10s = 0, .at = now};
  for (const auto& [gateway, one] : seen) {
    if (now - one.at > seen_for) continue;
    sum.in_2s += one.in_2s;
    sum.in_10s += one.in_10s;
  }
  return sum;
}

double DemandBook::Place::held(Time now) const {
  double most = 0;
  for (const auto& [at, peak] : peaks) {
    if (slice_of(now) - at <= held_for / slice) most = std::max(most, peak);
  }
  return most;
}

double DemandBook::Place::expected(WallTime wall) const {
  const WallTime soon = wall + std::chrono::duration_cast<std::chrono::milliseconds>(ahead);
  return std::max(hours[of_day(hour_of(wall))], hours[of_day(hour_of(soon))]);
}

bool DemandBook::Place::forgotten(Time now) const {
  const bool silent = seen.empty() && held(now) <= 0 && hour_peak <= 0;
  return silent && std::ranges::all_of(hours, [](double rate) { return rate <= 0; });
}

/// An hour that was not seen from its beginning may have been busier than it looked.
void DemandBook::Place::end_hour(size_t hour, bool whole) {
  double& usual = hours[hour];
  double now = usual <= 0 ? hour_peak : newest_day * hour_peak + (1 - newest_day) * usual;
  if (!whole) now = std::max(now, usual);
  usual = now < nothing ? 0 : now;
  hour_peak = 0;
}

DemandBook::Place& DemandBook::place_of(Demand& demand, const std::string& name, const LatLon& location) {
  const auto found = demand.places.find(name);
  if (found != demand.places.end()) return found->second;
  if (demand.places.size() < most_places) {
    Place& made = demand.places[name];
    made.location = location;
    return made;
  }
  const auto away = [&](const auto& entry) { return distance_km(entry.second.location, location); };
  return std::ranges::min_element(demand.places, {}, away)->second;
}

void DemandBook::note(const SiteId& gateway, std::span<const Flow> flows, Time now) {
  auto& noted = noted_[gateway];
  for (const AppKey& app : noted) {
    const auto known = apps_.find(app);
    if (known == apps_.end()) continue;
    for (auto& [name, place] : known->second.places) place.seen.erase(gateway);
  }
  noted.clear();
  std::set<Place*> changed;
  for (const Flow& flow : flows) {
    if (flow.offered_10s <= 0 && flow.offered_2s <= 0) continue;
    Demand& demand = apps_[flow.app];
    noted.insert(flow.app);
    demand.last = now;
    Place& place = place_of(demand, flow.place, flow.location);
    Seen& seen = place.seen[gateway];
    seen.in_2s += flow.offered_2s;
    seen.in_10s += flow.offered_10s;
    seen.at = now;
    changed.insert(&place);
  }
  for (Place* place : changed) {
    const Seen sum = place->sum(now);
    const double sudden = sum.in_2s - chance * std::sqrt(sum.in_2s / 2);
    double& peak = place->peaks[slice_of(now)];
    peak = std::max({peak, sum.in_10s, sudden});
    place->hour_peak = std::max(place->hour_peak, sum.in_10s);
    std::erase_if(place->peaks, [&](const auto& entry) { return slice_of(now) - entry.first > held_for / slice; });
  }
}

std::set<AppKey> DemandBook::turn(Time now, WallTime wall) {
  const int64_t hour = hour_of(wall);
  std::set<AppKey> changed;
  if (hour_ && *hour_ == hour) return changed;
  for (auto& [key, demand] : apps_) {
    for (auto& [name, place] : demand.places) {
      if (hour_) place.end_hour(of_day(*hour_), whole_hour_);
    }
    std::erase_if(demand.places, [&](const auto& entry) { return entry.second.forgotten(now); });
    if (hour_) changed.insert(key);
  }
  whole_hour_ = hour_.has_value();
  hour_ = hour;
  return changed;
}

void DemandBook::put(const DailyShape& shape) {
  Demand& demand = apps_[shape.app];
  for (const PlaceShape& one : shape.places)
    std::ranges::copy(one.hours, place_of(demand, one.place, one.location).hours.begin());
}

std::optional<DailyShape> DemandBook::shape(const AppKey& app) const {
  const auto found = apps_.find(app);
  if (found == apps_.end()) return std::nullopt;
  DailyShape shape{.app = app, .places = {}};
  for (const auto& [name, place] : found->second.places)
    shape.places.push_back({name, place.location, {place.hours.begin(), place.hours.end()}});
  return shape;
}

void DemandBook::keep_only(const std::set<AppKey>& apps) {
  std::erase_if(apps_, [&](const auto& entry) { return !apps.contains(entry.first); });
  for (auto& [gateway, noted] : noted_) std::erase_if(noted, [&](const AppKey& app) { return !apps.contains(app); });
}

DemandBook::Asked DemandBook::asked(const AppKey& app, Time now, WallTime wall) const {
  Asked asked;
  const auto found = apps_.find(app);
  if (found == apps_.end()) return asked;
  for (const auto& [name, place] : found->second.places) {
    const double measured = place.held(now);
    const double expected = place.expected(wall);
    asked.measured += measured;
    asked.expected += expected;
    const double larger = std::max(measured, expected);
    if (larger > 0) asked.places.push_back({.name = name, .location = place.location, .requests_per_second = larger});
  }
  return asked;
}

std::optional<Time> DemandBook::last_asked(const AppKey& app) const {
  const auto found = apps_.find(app);
  return found == apps_.end() ? std::nullopt : found->second.last;
}

}  // namespace barrio::decide
