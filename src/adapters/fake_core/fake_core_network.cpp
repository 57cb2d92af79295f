#include "adapters/fake_core/fake_core_network.h"

#include <arpa/inet.h>

#include <array>
#include <set>

#include "base/read_file.h"
#include "base/yaml.h"

namespace barrio::adapters {
namespace {

bool is_ip_address(const std::string& text) {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  return inet_pton(AF_INET, text.c_str(), bytes.data()) == 1 || inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1;
}

}  // namespace

/// The file, as written.
struct FakeCoreFile {
  std::vector<AttachedDevice> devices;
  Result<void> check() const {
    std::set<std::string> seen;
    for (size_t i = 0; i < devices.size(); ++i) {
      const std::string where = "devices[" + std::to_string(i) + "].address";
      const std::string& address = devices[i].address;
      if (!is_ip_address(address)) return fail(Code::invalid, "'" + address + "' is not an IP address", where);
      if (!seen.insert(address).second) return fail(Code::invalid, "'" + address + "' is listed twice", where);
    }
    return {};
  }
};
BARRIO_DESCRIBE(FakeCoreFile, (), (devices))

FakeCoreNetwork::FakeCoreNetwork(std::span<const AttachedDevice> devices) {
  for (const AttachedDevice& device : devices) devices_[device.address] = device.location;
}

Result<FakeCoreNetwork> FakeCoreNetwork::parse(std::string_view yaml, const std::string& file) {
  TRY(auto content, from_yaml<FakeCoreFile>(yaml, file));
  return FakeCoreNetwork(content.devices);
}

Result<FakeCoreNetwork> FakeCoreNetwork::load(const std::string& file) {
  TRY(const auto text, read_file(file));
  return parse(text, file);
}

Result<DeviceLocation> FakeCoreNetwork::locate(std::string_view ip_address) const {
  const auto found = devices_.find(ip_address);
  if (found == devices_.end())
    return fail(Code::not_found, "unknown device");  // asked with each request: no allocation
  return found->second;
}

}  // namespace barrio::adapters
