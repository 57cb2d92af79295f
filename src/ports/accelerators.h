#pragma once
// The accelerators of this machine. A slice of one that is partitioned in hardware (MIG) is a device of its own; its
// parent is listed too, but runs nothing itself.

#include <optional>
#include <string>
#include <vector>

#include "base/quantity.h"
#include "base/result.h"

namespace barrio::ports {

struct Accelerator {
  std::string id;       // "GPU-5f0c...", "MIG-92a1...": what CUDA_VISIBLE_DEVICES takes
  std::string name;     // "NVIDIA L4"
  std::string parent;   // of a slice: its device's id; else empty
  bool sliced = false;  // slices of it are in the list, and it runs nothing itself
  Bytes memory;
  Bytes memory_used;
  // What follows is of whole devices; a slice has only what can be told for it alone.
  std::optional<Watts> power;
  std::optional<Watts> power_cap;  // as enforced now
  std::optional<Joules> energy;    // since its driver was loaded
  std::optional<int> temperature_c;
  std::optional<double> busy;          // 0..1: of its compute units since the last list (where they are counted), else
                                       // of the time in which anything ran
  std::vector<std::string> throttled;  // why it runs slower than it could: "power cap", "heat", "power brake"
  uint64_t errors = 0;                 // critical ones (Xid) since the first list
  int last_error = 0;                  // the number of the last
};

class Accelerators {
 public:
  virtual ~Accelerators() = default;
  /// None where there are none. Errors: unavailable (there is a driver, and it does not work; its own words).
  virtual Result<std::vector<Accelerator>> list() = 0;
};

}  // namespace barrio::ports
