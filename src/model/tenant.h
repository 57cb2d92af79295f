#pragma once
// What a tenant may ask of one gateway, and the keys it may ask with.

#include <optional>
#include <string>
#include <vector>

#include "model/ids.h"

namespace barrio {

/// Held by each gateway for itself: sites must decide without asking anybody.
struct TenantQuota {
  double requests_per_second = 5000;
  int64_t burst = 5000;               // this many at once
  int64_t in_flight = 1000;           // requests that are not answered yet
  Bytes body_bytes = mib(16);         // of one request
  double weight = 1;                  // of its share when a gateway is busy
  Bytes storage = gib(100);           // of its objects at one site
  int64_t buckets = 100;              // in the whole network; control's to keep
  std::optional<bool> receipts = {};  // its answers carry one (docs/proof.md); none: no
  static constexpr std::string_view defaulted[] = {
      "requests_per_second", "burst", "in_flight", "body_bytes", "weight", "storage", "buckets"};
  Result<void> check() const;
};
BARRIO_DESCRIBE(TenantQuota, (),
                (requests_per_second, burst, in_flight, body_bytes, weight, receipts, storage, buckets))

/// A key of a tenant as control and gateways keep it: never the key itself.
struct ApiKey {
  std::string id;
  TenantId tenant;
  std::string sha256;  // of the whole key, 64 hex digits
  std::vector<std::string> scopes;
  int64_t expires = 0;  // seconds since 1970; 0: never
};
BARRIO_DESCRIBE(ApiKey, (), (id, tenant, sha256, scopes, expires))

/// From 0.001 to a million per second, for tenants and apps.
Result<void> check_rate(double per_second);
Result<void> check_burst(int64_t burst);

}  // namespace barrio
