#pragma once
// Whether a gateway takes one more request, decided from its head alone: rates of the tenant and of the app, requests
// in flight of the tenant, its fair share of what the gateway may have in flight. Pure; one loop owns it.
//
// A request that another gateway has forwarded was counted there: here only the shares apply. Tenants and apps are kept
// in bounded tables; nothing allocates for those that are known.

#include <map>
#include <string>
#include <variant>

#include "decide/limits/fair_share.h"
#include "decide/limits/lru_table.h"
#include "decide/limits/token_bucket.h"
#include "model/app.h"

namespace barrio::decide {

enum class Limit { tenant_rate, app_rate, tenant_in_flight, fair_share, tenants };
BARRIO_DESCRIBE_ENUM(Limit, tenant_rate, app_rate, tenant_in_flight, fair_share, tenants)

/// One request that was let in, by its tenant's number; ends in one leave().
struct Admitted {
  uint32_t tenant = 0;
};
struct Over {
  Limit limit = Limit::tenant_rate;
  double value = 0;  // of the limit: per second, or in flight
  Duration wait{};   // until it may work
};

struct Entrant {
  const AppKey* app = nullptr;
  const AppLimits* limits = nullptr;  // null: the app has none of its own
  bool forwarded = false;
};

class Admission {
 public:
  static constexpr size_t most_tenants = 4096;
  static constexpr size_t most_apps = 8192;

  /// `capacity`: requests in flight at which the gateway is busy.
  explicit Admission(uint32_t capacity);
  /// Tenants that are not named have the default quota.
  void set_quotas(const std::map<std::string, TenantQuota>& quotas);
  std::variant<Admitted, Over> enter(const Entrant& entrant, Time now);
  void leave(Admitted admitted);
  /// Of this tenant, as of the last set_quotas.
  const TenantQuota& quota(const TenantId& tenant) const;
  /// Of the tenant of a request that is in.
  bool wants_receipts(Admitted admitted) const { return tenants_[admitted.tenant].quota.receipts.value_or(false); }
  double weight(Admitted admitted) const { return tenants_[admitted.tenant].quota.weight; }
  const FairShare& shares() const { return shares_; }

 private:
  struct Tenant {
    TokenBucket bucket;
    uint32_t in_flight = 0;
    uint64_t quota_version = 0;  // 0: a new entry of the table
    TenantQuota quota;
  };
  struct AppHash {
    size_t operator()(const AppKey& app) const;
  };
  uint32_t tenant_of(const TenantId& tenant);
  std::optional<Over> take_tokens(Tenant& tenant, const Entrant& entrant, Time now);

  std::map<std::string, TenantQuota, std::less<>> quotas_;
  uint64_t quota_version_ = 1;
  LruTable<TenantId, Tenant> tenants_{most_tenants};
  LruTable<AppKey, TokenBucket, AppHash> apps_{most_apps};
  FairShare shares_;
};

}  // namespace barrio::decide
