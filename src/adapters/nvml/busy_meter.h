#pragma once
// How busy a device's compute units were between two looks, by its GPU performance monitors (GPM; Hopper and later,
// slices too): utilization alone only says whether anything ran.

#include <map>
#include <optional>
#include <string>

#include "adapters/nvml/nvml_abi.h"

namespace barrio::adapters::nvml {

class BusyMeter {
 public:
  explicit BusyMeter(const Api& api) : api_(api) {}
  ~BusyMeter();
  BusyMeter(const BusyMeter&) = delete;
  BusyMeter& operator=(const BusyMeter&) = delete;

  /// Since the last look at the same `id`, 0..1; none: the first one, or the device has no such monitors. `parent` and
  /// `gpu_instance` say which slice; none: `parent` itself.
  std::optional<double> look(const std::string& id, Device parent, std::optional<unsigned> gpu_instance);

 private:
  bool supports(Device device) const;
  GpmSample take(Device parent, std::optional<unsigned> gpu_instance) const;
  std::optional<double> between(GpmSample from, GpmSample until) const;

  const Api& api_;
  std::map<std::string, GpmSample> last_;
};

}  // namespace barrio::adapters::nvml
