#include "decide/limits/admission.h"

#include "base/check.h"
#include "base/rng.h"

namespace barrio::decide {

namespace {
constexpr Duration try_again = 1s;
const TenantQuota default_quota;
}  // namespace

size_t Admission::AppHash::operator()(const AppKey& app) const {
  return mix(std::hash<TenantId>()(app.tenant), std::hash<AppName>()(app.name));
}

Admission::Admission(uint32_t capacity) : shares_(capacity) {}

void Admission::set_quotas(const std::map<std::string, TenantQuota>& quotas) {
  quotas_ = {quotas.begin(), quotas.end()};
  ++quota_version_;
}

const TenantQuota& Admission::quota(const TenantId& tenant) const {
  const auto found = quotas_.find(tenant.str());
  return found == quotas_.end() ? default_quota : found->second;
}

uint32_t Admission::tenant_of(const TenantId& id) {
  const uint32_t index = tenants_.use(id, [](const Tenant& tenant) { return tenant.in_flight == 0; });
  if (index == tenants_.none) return index;
  Tenant& tenant = tenants_[index];
  if (tenant.quota_version == quota_version_) return index;
  if (tenant.quota_version == 0) shares_.forget(index);
  tenant.quota = quota(id);
  tenant.quota_version = quota_version_;
  return index;
}

std::variant<Admitted, Over> Admission::enter(const Entrant& entrant, Time now) {
  const uint32_t index = tenant_of(entrant.app->tenant);
  if (index == tenants_.none) return Over{Limit::tenants, static_cast<double>(most_tenants), try_again};
  Tenant& tenant = tenants_[index];
  if (!entrant.forwarded) {
    if (tenant.in_flight >= tenant.quota.in_flight) {
      return Over{Limit::tenant_in_flight, static_cast<double>(tenant.quota.in_flight), try_again};
    }
    if (auto over = take_tokens(tenant, entrant, now)) return *over;
  }
  if (!shares_.enter(index, tenant.quota.weight, now)) {
    return Over{Limit::fair_share, static_cast<double>(shares_.allowance(index)), try_again};
  }
  ++tenant.in_flight;
  return Admitted{index};
}

std::optional<Over> Admission::take_tokens(Tenant& tenant, const Entrant& entrant, Time now) {
  const Rate rate{tenant.quota.requests_per_second, tenant.quota.burst};
  if (const Duration wait = tenant.bucket.take(rate, now); wait > Duration::zero()) {
    return Over{Limit::tenant_rate, rate.per_second, wait};
  }
  if (entrant.limits == nullptr || !entrant.limits->requests_per_second) return std::nullopt;
  const Rate app_rate{*entrant.limits->requests_per_second, entrant.limits->burst_or_default()};
  const uint32_t app = apps_.use(*entrant.app, [](const TokenBucket&) { return true; });
  const Duration wait = apps_[app].take(app_rate, now);
  if (wait == Duration::zero()) return std::nullopt;
  tenant.bucket.give_back(rate);  // one app's flood does not use up the tenant's rate
  return Over{Limit::app_rate, app_rate.per_second, wait};
}

void Admission::leave(Admitted admitted) {
  Tenant& tenant = tenants_[admitted.tenant];
  CHECK(tenant.in_flight > 0);
  --tenant.in_flight;
  shares_.leave(admitted.tenant);
}

}  // namespace barrio::decide
