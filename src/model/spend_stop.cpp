#include "model/spend_stop.h"

namespace barrio {

std::string SpendStop::detail(const TenantId& tenant) const {
  return "tenant " + tenant.str() + " has spent its cap of " + cap.str() + " for this month; it may go on from " +
         to_string(until) + " on";
}

std::string SpendStop::detail_for_anybody(const TenantId& tenant) const {
  return "tenant " + tenant.str() + " has spent its cap for this month; it may go on from " + to_string(until) + " on";
}

std::string SpendStop::nearest(const TenantId& tenant) const {
  return "the same at " + to_string(until) + ", or a higher cap: the operator's 'barrio tenant set " + tenant.str() +
         " --spend-cap'";
}

}  // namespace barrio
