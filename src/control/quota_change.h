#pragma once
// A part of a tenant's quota that is to be another, and what became another in words.

#include <optional>
#include <string>

#include "model/tenant.h"

namespace barrio::control {

/// What is not named stays as it is.
struct QuotaChange {
  std::optional<double> requests_per_second;
  std::optional<int64_t> burst;
  std::optional<int64_t> in_flight;
  std::optional<Bytes> body_bytes;
  std::optional<double> weight;
  std::optional<bool> receipts;
  std::optional<Bytes> storage;
  std::optional<int64_t> buckets;

  TenantQuota applied_to(TenantQuota quota) const;
};
BARRIO_DESCRIBE(QuotaChange, (),
                (requests_per_second, burst, in_flight, body_bytes, weight, receipts, storage, buckets))

/// "burst 5000 -> 10, weight 1 -> 2"; empty: they are the same.
std::string difference(const TenantQuota& from, const TenantQuota& to);

}  // namespace barrio::control
