#include "model/place.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace barrio {

Result<LatLon> LatLon::make(double lat, double lon) {
  const LatLon made{lat, lon};
  TRY_DO(made.check());
  return made;
}

Result<void> LatLon::check() const {
  // Written so that NaN fails too.
  if (!(lat >= -90 && lat <= 90)) return fail(Code::invalid, "must be degrees from -90 to 90", "lat");
  if (!(lon >= -180 && lon <= 180)) return fail(Code::invalid, "must be degrees from -180 to 180", "lon");
  return {};
}

double distance_km(const LatLon& a, const LatLon& b) {
  constexpr double earth_radius_km = 6371;
  constexpr double radians = std::numbers::pi / 180;
  const double half_lat = std::sin((b.lat - a.lat) * radians / 2);
  const double half_lon = std::sin((b.lon - a.lon) * radians / 2);
  const double h = half_lat * half_lat + std::cos(a.lat * radians) * std::cos(b.lat * radians) * half_lon * half_lon;
  // Rounding can push h past 1 for antipodes.
  return 2 * earth_radius_km * std::asin(std::sqrt(std::min(1.0, h)));
}

}  // namespace barrio
