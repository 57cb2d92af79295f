// Quotas, API keys and secrets of tenants.

#include <algorithm>

#include "api/oauth/api_key.h"
#include "base/log.h"
#include "base/text.h"
#include "control/control.h"
#include "control/past_app.h"

namespace barrio::control {

namespace {

constexpr std::ptrdiff_t most_keys = 100;  // of one tenant: all of them travel in every snapshot
constexpr size_t most_secrets = 100;       // of one tenant
constexpr size_t most_secret_bytes = 64 * 1024;
constexpr Duration longest_lifetime = 24h * 3650;

int64_t to_seconds(WallTime time) {
  return std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count();
}
WallTime from_seconds(int64_t seconds) {
  return WallTime(std::chrono::seconds(seconds));
}
std::string expiry_text(int64_t expires) {
  return expires == 0 ? "" : to_string(from_seconds(expires));
}

Result<void> check_key(const api::NewKey& wanted) {
  for (const std::string& scope : wanted.scopes) {
    if (scope == api::scope::infer) continue;
    return fail(Code::invalid,
                "'" + scope.substr(0, 80) + "' must be " + std::string(api::scope::infer) +
                    ": keys are for gateways, control takes tokens",
                "scopes");
  }
  if (wanted.expires_in && (*wanted.expires_in < 1s || *wanted.expires_in > longest_lifetime)) {
    return fail(Code::invalid, "must be from 1s to " + to_string(longest_lifetime), "expires_in");
  }
  return {};
}

}  // namespace

Result<void> Control::known_tenant(const TenantId& tenant) const {
  if (desired_.revision_of(key::tenant(tenant)) != 0) return {};
  return fail(Code::not_found, "there is no tenant '" + tenant.str() + "'; POST /barrio/v1/tenants makes one",
              "tenant");
}

Result<api::TenantCredentials> Control::add_tenant(const TenantId& tenant, const Author& by) {
  const Act act{by, "tenant create", tenant.str(), tenant};
  Writes along = {audit_entry(act, "")};
  if (by.once) along.push_back(by.once->write(runtime_.wall()));
  return accounts_.add_tenant(tenant, std::move(along));
}

ports::Write Control::audit_entry(const Act& act, const std::string& detail) {
  return write_audit(act, detail, runtime_.wall(), audited_++, runtime_.rng().next());
}

Result<std::vector<api::AuditEntry>> Control::audit(WallTime from, WallTime to, const TenantId& viewer) {
  return read_audit(state_, from, to, viewer);
}

/// Once an hour, and on while there is more.
void Control::forget_old() {
  if (runtime_.now() - old_looked_ < 1h) return;
  const auto entries = forget_audit(state_, runtime_.wall());
  const auto records = entries ? forget_once(state_, runtime_.wall()) : entries;
  const auto apps = records ? forget_past_apps(state_, runtime_.wall()) : records;
  if (!apps) return log_warning("what is too old stays", {{"why", apps.error().text()}});
  if (*entries + *records + *apps == 0) old_looked_ = runtime_.now();
}

Result<std::optional<Once>> Control::once(const net::Request& request, const std::string& subject) {
  return Once::find(state_, request, subject, runtime_.wall());
}

Result<void> Control::keep_answer(const Once& once, const net::Response& answer) {
  TRY_DO(state_.commit({}, {once.write(runtime_.wall(), &answer)}));
  return {};
}

Result<TenantQuota> Control::set_quota(const TenantId& tenant, const TenantQuota& quota, const Author& by) {
  return edit_quota(tenant, [&](const TenantQuota&) { return quota; }, by);
}

Result<TenantQuota> Control::change_quota(const TenantId& tenant, const QuotaChange& change, const Author& by) {
  return edit_quota(tenant, [&](const TenantQuota& present) { return change.applied_to(present); }, by);
}

Result<TenantQuota> Control::edit_quota(const TenantId& tenant, const QuotaEdit& edit, const Author& by) {
  TenantQuota quota;
  std::string detail;
  auto set = [&]() -> Result<Edit> {
    TRY_DO(known_tenant(tenant));
    const TenantQuota present = quota_of(tenant);
    quota = edit(present);
    TRY_DO(quota.check());
    detail = difference(present, quota);
    if (detail.empty()) return Edit{};
    const std::string key = key::tenant(tenant);
    return Edit{{desired_.guard(key)}, {write_json(key, TenantRecord{tenant, quota})}, detail};
  };
  TRY_DO(change({by, "quota set", tenant.str(), tenant}, set));
  if (!detail.empty()) log_info("quota set", {{"tenant", tenant.str()}, {"changed", detail}});
  return quota;
}

Result<api::IssuedKey> Control::create_key(const TenantId& tenant, const api::NewKey& wanted, const Author& by) {
  TRY_DO(check_key(wanted));
  const api::NewApiKey made = api::make_api_key();
  ApiKey kept{made.id, tenant, made.sha256, wanted.scopes, 0};
  if (kept.scopes.empty()) kept.scopes.emplace_back(api::scope::infer);
  if (wanted.expires_in) {
    kept.expires =
        to_seconds(runtime_.wall() + std::chrono::duration_cast<std::chrono::milliseconds>(*wanted.expires_in));
  }
  auto add = [&]() -> Result<Edit> {
    TRY_DO(known_tenant(tenant));
    if (std::ranges::count(desired_.api_keys, tenant, &ApiKey::tenant) >= most_keys) {
      return fail(Code::exhausted, "the tenant has " + std::to_string(most_keys) + " keys; revoke one first");
    }
    const std::string key = key::api_key(tenant, kept.id);
    return Edit{{{key, 0}}, {write_json(key, kept)}};
  };
  TRY_DO(change({by, "key create", kept.id, tenant}, add));
  log_info("API key made", {{"tenant", tenant.str()}, {"id", kept.id}});
  return api::IssuedKey{kept.id, made.text, kept.scopes, expiry_text(kept.expires)};
}

std::vector<api::KeyView> Control::keys(const TenantId& tenant) const {
  std::vector<api::KeyView> views;
  for (const ApiKey& key : desired_.api_keys) {
    if (key.tenant != tenant) continue;
    const bool expired = key.expires != 0 && runtime_.wall() >= from_seconds(key.expires);
    views.push_back({key.id, key.scopes, expiry_text(key.expires), expired});
  }
  return views;
}

Result<void> Control::revoke_key(const TenantId& tenant, const std::string& id, const Author& by) {
  auto erase = [&]() -> Result<Edit> {
    const std::string key = key::api_key(tenant, id);
    if (desired_.revision_of(key) == 0) {
      return fail(Code::not_found, "tenant " + tenant.str() + " has no key '" + id.substr(0, 80) + "'");
    }
    return Edit{{desired_.guard(key)}, {{key, std::nullopt}}};
  };
  TRY_DO(change({by, "key revoke", id, tenant}, erase));
  log_info("API key revoked", {{"tenant", tenant.str()}, {"id", id}});
  return {};
}

Result<void> Control::set_secret(const TenantId& tenant, const std::string& name, const std::string& value,
                                 const Author& by) {
  TRY_DO(check_secret_name(name));
  if (value.size() > most_secret_bytes || value.find('\0') != std::string::npos || !is_utf8(value)) {
    return fail(Code::invalid, "must be text of at most 64 KiB without zero bytes", "value");
  }
  auto set = [&]() -> Result<Edit> {
    const std::string key = key::secret(tenant, name);
    if (desired_.revision_of(key) == 0 && secrets(tenant).size() >= most_secrets) {
      return fail(Code::exhausted, "the tenant has " + std::to_string(most_secrets) + " secrets; delete one first");
    }
    return Edit{{desired_.guard(key)}, {write_secret(tenant, name, value)}};
  };
  TRY_DO(change({by, "secret set", name, tenant}, set));
  log_info("secret set", {{"tenant", tenant.str()}, {"name", name}});
  return {};
}

Result<void> Control::remove_secret(const TenantId& tenant, const std::string& name, const Author& by) {
  auto erase = [&]() -> Result<Edit> {
    const std::string key = key::secret(tenant, name);
    if (desired_.revision_of(key) == 0) {
      return fail(Code::not_found, "tenant " + tenant.str() + " has no secret '" + name.substr(0, 80) + "'");
    }
    for (const App& app : desired_.apps) {
      const ServerSpec* server = app.tenant == tenant ? app.spec.server() : nullptr;
      if (server == nullptr) continue;
      const auto& used = server->secrets;
      if (std::ranges::any_of(used, [&](const auto& entry) { return entry.second == name; })) {
        return fail(Code::invalid, "app " + app.spec.name.str() + " uses it", name);
      }
    }
    return Edit{{desired_.guard(key)}, {{key, std::nullopt}}};
  };
  TRY_DO(change({by, "secret delete", name, tenant}, erase));
  log_info("secret deleted", {{"tenant", tenant.str()}, {"name", name}});
  return {};
}

std::vector<std::string> Control::secrets(const TenantId& tenant) const {
  std::vector<std::string> names;
  const std::string prefix = tenant.str() + "/";
  for (auto at = desired_.secrets.lower_bound(prefix); at != desired_.secrets.end(); ++at) {
    if (!at->first.starts_with(prefix)) break;
    names.push_back(at->first.substr(prefix.size()));
  }
  return names;
}

}  // namespace barrio::control
