#pragma once
// What is asked of each app, by place: measured by gateways, expected by the shape of the day. Placement gives an app
// so many replicas as its demand needs, where its demand is.
//
// Up at once: as soon as the last two seconds are more than chance makes of what was there. Down slowly: what was asked
// within `held_for` still counts. Expected: what the same hour of earlier days brought, from `ahead` before it begins.
//
// Pure, in memory: `now` and `wall` are arguments. What of it must survive, the shapes, is a value (DailyShape).

#include <array>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "model/snapshot.h"

namespace barrio::decide {

/// Of a busy time that is over.
inline constexpr Duration held_for = 3min;
/// So long before the hour begins, its usual demand counts.
inline constexpr Duration ahead = 10min;
/// What one day's hour weighs in the shape; the days before it share the rest.
inline constexpr double newest_day = 0.5;
/// Of one app; demand of further places counts at the nearest of these.
inline constexpr size_t most_places = 64;

/// The busiest rate, requests a second, of each hour of the day (UTC), over the last days.
struct PlaceShape {
  std::string place;
  LatLon location;
  std::vector<double> hours;  // 24
  Result<void> check() const;
};

struct DailyShape {
  AppKey app;
  std::vector<PlaceShape> places;
};
BARRIO_DESCRIBE(PlaceShape, (), (place, location, hours))
BARRIO_DESCRIBE(DailyShape, (), (app, places))

class DemandBook {
 public:
  /// What one gateway saw in the last seconds; replaces what it saw before.
  void note(const SiteId& gateway, std::span<const Flow> flows, Time now);
  /// Ends the hour when it is over. The apps whose shapes changed with that.
  std::set<AppKey> turn(Time now, WallTime wall);
  void put(const DailyShape& shape);
  /// None: nothing was ever asked of it.
  std::optional<DailyShape> shape(const AppKey& app) const;
  void keep_only(const std::set<AppKey>& apps);

  struct Asked {
    double measured = 0;              // requests a second, with what is held
    double expected = 0;              // by the shape of the day
    std::vector<DemandPlace> places;  // by name, each with requests_per_second: the larger of the two
  };
  Asked asked(const AppKey& app, Time now, WallTime wall) const;
  /// When gateways last saw a request; none: not yet.
  std::optional<Time> last_asked(const AppKey& app) const;

 private:
  struct Seen {
    double in_2s = 0;  // requests a second
    double in_10s = 0;
    Time at;
  };
  struct Place {
    LatLon location;
    std::map<SiteId, Seen> seen;      // by gateway
    std::map<int64_t, double> peaks;  // requests a second, by slice of time
    double hour_peak = 0;
    std::array<double, 24> hours{};
    Seen sum(Time now) const;
    double held(Time now) const;
    double expected(WallTime wall) const;
    bool forgotten(Time now) const;
    void end_hour(size_t hour, bool whole);
  };
  struct Demand {
    std::map<std::string, Place> places;
    std::optional<Time> last;
  };
  static Place& place_of(Demand& demand, const std::string& name, const LatLon& location);

  std::map<AppKey, Demand> apps_;
  std::map<SiteId, std::set<AppKey>> noted_;  // by gateway
  std::optional<int64_t> hour_;               // since 1970; what hour_peak is of
  bool whole_hour_ = false;                   // it was seen from its beginning
};

}  // namespace barrio::decide
