#pragma once
// What the operator's mobile and fixed core knows about devices.

#include <string>

#include "base/result.h"
#include "model/device.h"

namespace barrio::ports {

class CoreNetwork {
 public:
  virtual ~CoreNetwork() = default;
  /// Where the device with this IP address is attached. Must answer from memory: gateways ask on the request path.
  /// Errors: not_found.
  virtual Result<DeviceLocation> locate(std::string_view ip_address) const = 0;
};

}  // namespace barrio::ports
