#include "control/quota_change.h"

#include "control/json_difference.h"

namespace barrio::control {

TenantQuota QuotaChange::applied_to(TenantQuota quota) const {
  quota.requests_per_second = requests_per_second.value_or(quota.requests_per_second);
  quota.burst = burst.value_or(quota.burst);
  quota.in_flight = in_flight.value_or(quota.in_flight);
  quota.body_bytes = body_bytes.value_or(quota.body_bytes);
  quota.weight = weight.value_or(quota.weight);
  if (receipts) quota.receipts = receipts;
  quota.storage = storage.value_or(quota.storage);
  quota.buckets = buckets.value_or(quota.buckets);
  return quota;
}

std::string difference(const TenantQuota& from, const TenantQuota& to) {
  const auto fields_of = [](TenantQuota quota) {
    quota.receipts = quota.receipts.value_or(false);  // none says the same
    return to_json(quota);
  };
  return difference(fields_of(from), fields_of(to));
}

}  // namespace barrio::control
