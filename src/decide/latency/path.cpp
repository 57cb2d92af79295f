#include "decide/latency/path.h"

namespace barrio::decide {

Duration path_rtt(const PathModel& paths, const LatLon& a, const LatLon& b) {
  const double one_way = static_cast<double>(paths.fibre_per_km.count()) * distance_km(a, b) * paths.stretch;
  return Duration(static_cast<Duration::rep>(2 * one_way));
}

Duration access_rtt(const PathModel& paths, Access access) {
  return access == Access::nr5g ? paths.access_5g : paths.access_fibre;
}

}  // namespace barrio::decide
