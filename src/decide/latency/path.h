#pragma once
// How long signals take, before anything was measured: the priors of the network file.

#include "model/device.h"
#include "model/network.h"

namespace barrio::decide {

/// Round trip over fibre between two places: great circle x stretch x fibre delay, both ways.
Duration path_rtt(const PathModel& paths, const LatLon& a, const LatLon& b);
/// Round trip of the access network alone, from the device to its city's aggregation point.
Duration access_rtt(const PathModel& paths, Access access);

}  // namespace barrio::decide
