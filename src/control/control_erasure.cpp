// Ends what a tenant has in storage, everywhere: written down first, then told to all sites until each has said that
// the tenant's keys are gone.

#include <algorithm>

#include "base/log.h"
#include "control/control.h"

namespace barrio::control {

namespace {

constexpr size_t most_ended_at_once = 50;  // buckets and S3 keys in one commit

}  // namespace

Result<void> Control::not_erased(const TenantId& tenant) const {
  const auto erasure = desired_.erasures.find(tenant);
  if (erasure == desired_.erasures.end()) return {};
  return fail(Code::denied, "what tenant " + tenant.str() + " had in storage was erased at " +
                                to_string(erasure->second.at) + "; it gets no more of it");
}

Result<api::ErasureView> Control::erase_tenant(const TenantId& tenant, const Author& by) {
  auto write_down = [&]() -> Result<Edit> {
    TRY_DO(known_tenant(tenant));
    if (desired_.erasures.contains(tenant)) return Edit{};
    const std::string key = key::erasure(tenant);
    return Edit{{{key, 0}}, {write_json(key, Erasure{tenant, runtime_.wall(), {}})}};
  };
  TRY_DO(change({by, "tenant erase", tenant.str(), tenant}, write_down));
  log_warning("a tenant's storage is erased", {{"tenant", tenant.str()}, {"by", by.name}});
  return erasure(tenant);
}

Result<api::ErasureView> Control::erasure(const TenantId& tenant) const {
  const auto found = desired_.erasures.find(tenant);
  if (found == desired_.erasures.end()) {
    return fail(Code::not_found, "nobody asked to erase tenant '" + tenant.str() + "'");
  }
  api::ErasureView view{tenant, found->second.at, found->second.done, {}};
  for (const auto& [site, address] : desired_.storage_sites) {
    if (!view.done.contains(site)) view.waiting.push_back(SiteId::of(site));
  }
  return view;
}

/// Sites were told already that these are gone: an erased tenant's are in no orders.
Result<void> Control::end_erased() {
  std::vector<ports::Guard> guards;
  Writes writes;
  const auto end = [&](const TenantId& tenant, std::string key, const char* act, const std::string& what) {
    if (!desired_.erasures.contains(tenant) || guards.size() == most_ended_at_once) return;
    guards.push_back(desired_.guard(key));
    writes.push_back({std::move(key), std::nullopt});
    writes.push_back(audit_entry({{"control", "control"}, act, what, tenant}, "the tenant is erased"));
  };
  for (const Bucket& bucket : desired_.buckets) {
    end(bucket.tenant, key::bucket(bucket.name), "bucket delete", bucket.name.str());
  }
  for (const S3Key& s3_key : desired_.s3_keys) {
    end(s3_key.tenant, key::s3_key(s3_key.tenant, s3_key.id), "S3 key revoke", s3_key.id);
  }
  if (writes.empty()) return {};
  TRY_DO(state_.commit(std::move(guards), std::move(writes)));
  changed_->notify();  // there may be more
  return load();
}

Result<void> Control::note_erased(const SiteId& site, const std::vector<TenantId>& tenants) {
  for (const TenantId& tenant : tenants) {
    const auto known = desired_.erasures.find(tenant);
    if (known == desired_.erasures.end() || known->second.done.contains(site.str())) continue;
    auto note = [&]() -> Result<Edit> {
      const auto found = desired_.erasures.find(tenant);
      if (found == desired_.erasures.end() || found->second.done.contains(site.str())) return Edit{};
      Erasure erasure = found->second;
      erasure.done[site.str()] = runtime_.wall();
      const std::string key = key::erasure(tenant);
      return Edit{{desired_.guard(key)}, {write_json(key, erasure)}, "at " + site.str()};
    };
    TRY_DO(change({{site.str(), "site"}, "tenant erased", tenant.str(), tenant}, note));
    log_info("a tenant's keys are gone", {{"tenant", tenant.str()}, {"site", site.str()}});
  }
  return {};
}

}  // namespace barrio::control
