#include "model/tenant.h"

namespace barrio {

Result<void> check_rate(double per_second) {
  if (per_second >= 0.001 && per_second <= 1e6) return {};
  return fail(Code::invalid, "must be from 0.001 to 1000000", "requests_per_second");
}

Result<void> check_burst(int64_t burst) {
  if (burst >= 1 && burst <= 1'000'000) return {};
  return fail(Code::invalid, "must be from 1 to 1000000", "burst");
}

Result<void> TenantQuota::check() const {
  TRY_DO(check_rate(requests_per_second));
  TRY_DO(check_burst(burst));
  if (in_flight < 1 || in_flight > 1'000'000) return fail(Code::invalid, "must be from 1 to 1000000", "in_flight");
  if (body_bytes.count() < 0) return fail(Code::invalid, "must be at least 0B", "body_bytes");
  if (!(weight >= 0.01 && weight <= 100)) return fail(Code::invalid, "must be from 0.01 to 100", "weight");
  if (storage.count() < 0) return fail(Code::invalid, "must be at least 0B", "storage");
  if (buckets < 0 || buckets > 1000) return fail(Code::invalid, "must be from 0 to 1000", "buckets");
  return {};
}

}  // namespace barrio
