#pragma once
// A simulated core network: which device is attached where, from a file or from values. Read once; answers from memory.

#include <map>
#include <span>
#include <string>
#include <vector>

#include "ports/core_network.h"

namespace barrio::adapters {

struct AttachedDevice {
  std::string address;  // its IP address
  DeviceLocation location;
};
BARRIO_DESCRIBE(AttachedDevice, (), (address, location))

class FakeCoreNetwork final : public ports::CoreNetwork {
 public:
  explicit FakeCoreNetwork(std::span<const AttachedDevice> devices = {});
  /// YAML text: `devices: [{address: 10.77.0.3, location: {...}}]`. Errors: invalid with file and line.
  static Result<FakeCoreNetwork> parse(std::string_view yaml, const std::string& file);
  /// Reads the file. Errors: not_found, invalid.
  static Result<FakeCoreNetwork> load(const std::string& file);

  Result<DeviceLocation> locate(std::string_view ip_address) const override;
  size_t size() const { return devices_.size(); }

 private:
  std::map<std::string, DeviceLocation, std::less<>> devices_;
};

}  // namespace barrio::adapters
