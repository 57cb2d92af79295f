#pragma once
// A tenant that has spent what it may in this month, as sites are told: they know by themselves when it ends.

#include "model/ids.h"
#include "model/prices.h"

namespace barrio {

struct SpendStop {
  Euros cap;
  WallTime until;  // the first instant of the next month, UTC
  bool holds(WallTime now) const { return now < until; }
  /// A sentence for people, and what would work.
  std::string detail(const TenantId& tenant) const;
  /// The same for strangers: how much it may spend is nobody's business.
  std::string detail_for_anybody(const TenantId& tenant) const;
  std::string nearest(const TenantId& tenant) const;
  bool operator==(const SpendStop&) const = default;
};
BARRIO_DESCRIBE(SpendStop, (), (cap, until))

}  // namespace barrio
