#include "objects/directory.h"

#include <algorithm>

#include "api/oauth/token.h"

namespace barrio::objects {

void Directory::set_orders(StorageOrders orders) {
  orders_ = std::move(orders);
  index();
}

void Directory::index() {
  ++changes_;
  by_name_.clear();
  by_id_.clear();
  by_key_.clear();
  for (size_t i = 0; i < orders_.buckets.size(); ++i) by_id_[orders_.buckets[i].id] = i;
  for (size_t i = 0; i < orders_.buckets.size(); ++i) by_name_[orders_.buckets[i].name.str()] = i;
  for (size_t i = 0; i < orders_.keys.size(); ++i) by_key_[orders_.keys[i].id] = i;
}

void Directory::add(Bucket bucket) {
  remove(bucket.name);
  orders_.buckets.push_back(std::move(bucket));
  index();
}

void Directory::remove(const BucketName& name) {
  std::erase_if(orders_.buckets, [&](const Bucket& one) { return one.name == name; });
  index();
}

const Bucket* Directory::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &orders_.buckets[found->second];
}

const Bucket* Directory::find_id(const std::string& id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &orders_.buckets[found->second];
}

std::vector<const Bucket*> Directory::of_tenant(const TenantId& tenant) const {
  std::vector<const Bucket*> found;
  for (const auto& [name, at] : by_name_) {
    if (orders_.buckets[at].tenant == tenant) found.push_back(&orders_.buckets[at]);
  }
  return found;
}

const S3Key* Directory::key(const std::string& id) const {
  const auto found = by_key_.find(id);
  return found == by_key_.end() ? nullptr : &orders_.keys[found->second];
}

const Site* Directory::site(const SiteId& id) const {
  return snapshot_ ? snapshot_->network.find(id) : nullptr;
}

bool Directory::is_revoked(const std::string& key) const {
  return snapshot_ && std::ranges::find(snapshot_->revoked_keys, key) != snapshot_->revoked_keys.end();
}

std::string Directory::address(const SiteId& site) const {
  const auto found = orders_.sites.find(site.str());
  return found == orders_.sites.end() ? "" : found->second;
}

TenantQuota Directory::quota(const TenantId& tenant) const {
  if (!snapshot_) return {};
  const auto found = snapshot_->quotas.find(tenant.str());
  return found == snapshot_->quotas.end() ? TenantQuota{} : found->second;
}

const SpendStop* Directory::spend_stop(const TenantId& tenant, WallTime now) const {
  return snapshot_ ? snapshot_->spend_stop(tenant, now) : nullptr;
}

Result<TenantId> Directory::tenant_of_token(std::string_view authorization, std::string_view scope,
                                            WallTime now) const {
  if (!snapshot_) return fail(Code::denied, "this site has no snapshot yet");
  TRY(const auto token, api::bearer_token(authorization));
  TRY(const auto identity, api::verify_token(token, snapshot_->keys, now));
  if (identity.role != api::role::tenant)
    return fail(Code::denied, "a token of role '" + identity.role + "' has no buckets");
  if (!identity.has(scope)) return fail(Code::denied, "the token lacks scope " + std::string(scope));
  return TenantId::parse(identity.subject);
}

}  // namespace barrio::objects
