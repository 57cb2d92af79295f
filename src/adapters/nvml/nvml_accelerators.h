#pragma once
// NVIDIA devices through NVML, which is loaded at run time (dlopen) and never linked: without it, or without a driver,
// there are none. MIG slices are listed after their device. One thread at a time; a list takes some milliseconds per
// device, so not on a loop that carries requests.

#include <map>
#include <memory>
#include <string>

#include "ports/accelerators.h"

namespace barrio::adapters {

namespace nvml {
class Library;
class Events;
class BusyMeter;
}  // namespace nvml

class NvmlAccelerators final : public ports::Accelerators {
 public:
  /// `library`: a file, used instead of the system's.
  explicit NvmlAccelerators(std::string library = {});
  ~NvmlAccelerators() override;
  Result<std::vector<ports::Accelerator>> list() override;

 private:
  Result<void> start();

  std::string file_;
  bool looked_ = false;
  std::unique_ptr<nvml::Library> library_;  // null: no devices
  std::unique_ptr<nvml::Events> events_;
  std::unique_ptr<nvml::BusyMeter> busy_;
};

}  // namespace barrio::adapters
