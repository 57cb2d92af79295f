#pragma once
// Devices and where the network says they are.

#include "model/place.h"

namespace barrio {

enum class Access { fibre, nr5g };
BARRIO_DESCRIBE_ENUM(Access, fibre, nr5g)

/// As the core network knows it. Never built from anything the device says.
struct DeviceLocation {
  std::string place;  // "Vigo"
  LatLon location;
  Access access = Access::fibre;
  Jurisdiction jurisdiction;
};
BARRIO_DESCRIBE(DeviceLocation, (), (place, location, access, jurisdiction))

}  // namespace barrio
