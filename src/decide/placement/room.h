#pragma once
// What one site still has to give: IT power, memory, cores and accelerators.

#include <map>
#include <optional>
#include <string>

#include "model/app.h"
#include "model/refusal.h"

namespace barrio::decide {

class Room {
 public:
  explicit Room(const Site& site);
  /// Why `need` does not fit now, with the shortage as `nearest`; nullopt when it fits.
  std::optional<Refusal> lacks(const Resources& need) const;
  /// Deducts. Only for what fits.
  void take(const Resources& need);
  Watts power() const { return power_; }

 private:
  int accelerators(const std::string& model) const;
  std::string id_;
  Watts power_;
  Bytes memory_;
  int64_t millicores_;  // whole numbers: adding and taking tenths of cores must not drift
  std::map<std::string, int> accelerators_;
};

}  // namespace barrio::decide
