#pragma once
// How much device time each tenant was given lately, by its weight: who is refused, or given up, under overload.

#include <vector>

#include "base/time.h"

namespace barrio::decide {

class Shares {
 public:
  static constexpr Duration memory = 1s;
  /// Tenants whose use differs by less than this factor have the same.
  static constexpr double same_use = 1.1;

  /// `cost`: device time, in ns; negative: it was given back.
  void charge(uint32_t flow, double weight, double cost, Time now);
  /// Device time over weight, in ns; what is long past counts less.
  double used(uint32_t flow, Time now) const;
  /// Whether another has had clearly more.
  bool behind(uint32_t flow, Time now) const;

 private:
  struct Flow {
    double used = 0;
    Time at{};
  };
  static double left(const Flow& flow, Time now);
  std::vector<Flow> flows_;
};

}  // namespace barrio::decide
