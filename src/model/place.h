#pragma once
// Places on Earth and the ISO 3166 areas that policies speak of.

#include <set>

#include "base/json.h"

namespace barrio {

/// WGS 84 degrees (ETRS89 differs by less than a metre). Exists only in range.
struct LatLon {
  double lat = 0;
  double lon = 0;
  static Result<LatLon> make(double lat, double lon);
  Result<void> check() const;
  bool operator==(const LatLon&) const = default;
};
BARRIO_DESCRIBE(LatLon, (), (lat, lon))

/// Great-circle distance in kilometres (haversine, R = 6371 km).
double distance_km(const LatLon& a, const LatLon& b);

/// A country (ISO 3166-1 alpha-2, "ES") or one of its subdivisions (ISO 3166-2, "ES-PV") that Barrio knows.
class Jurisdiction {
 public:
  Jurisdiction() = default;
  /// Errors: invalid for a code that is not in the tables, naming the nearest known one.
  static Result<Jurisdiction> parse(std::string_view code);
  const std::string& str() const { return code_; }
  std::string_view country() const { return std::string_view(code_).substr(0, 2); }
  /// True when `inner` lies in this area: "ES" contains "ES-PV" and "ES"; "ES-PV" contains only itself.
  bool contains(const Jurisdiction& inner) const;
  auto operator<=>(const Jurisdiction&) const = default;

 private:
  std::string code_;
};

}  // namespace barrio
