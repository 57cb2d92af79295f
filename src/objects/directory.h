#pragma once
// What this site knows of the network's storage: buckets, keys, sites and who may ask. From control, kept sealed on the
// disk, so that it goes on without control. Lives on the service's loop.

#include <memory>
#include <optional>

#include "model/bucket.h"
#include "model/snapshot.h"

namespace barrio::objects {

class Directory {
 public:
  void set_orders(StorageOrders orders);
  /// Not before this site was told, or remembers, who is in its network: nothing can be permitted until then.
  bool has_snapshot() const { return snapshot_ != nullptr; }
  void set_snapshot(std::shared_ptr<const Snapshot> snapshot) { snapshot_ = std::move(snapshot); }
  /// A bucket that control has just made or removed: known before the next orders.
  void add(Bucket bucket);
  void remove(const BucketName& name);

  const StorageOrders& orders() const { return orders_; }
  /// How often the buckets may have become others.
  uint64_t changes() const { return changes_; }
  const Bucket* find(std::string_view name) const;
  const Bucket* find_id(const std::string& id) const;
  std::vector<const Bucket*> of_tenant(const TenantId& tenant) const;
  const S3Key* key(const std::string& id) const;
  /// Null: not known.
  const Site* site(const SiteId& id) const;
  /// Of a site's certificate, by its fingerprint.
  bool is_revoked(const std::string& key) const;
  /// "host:port" of a site's S3 service; empty: not known.
  std::string address(const SiteId& site) const;
  TenantQuota quota(const TenantId& tenant) const;
  /// Null: the tenant may spend.
  const SpendStop* spend_stop(const TenantId& tenant, WallTime now) const;
  /// The tenant of a bearer token with this scope. Errors: denied.
  Result<TenantId> tenant_of_token(std::string_view authorization, std::string_view scope, WallTime now) const;

 private:
  void index();

  StorageOrders orders_;
  uint64_t changes_ = 0;
  std::map<std::string, size_t, std::less<>> by_name_;
  std::map<std::string, size_t> by_id_;
  std::map<std::string, size_t> by_key_;
  std::shared_ptr<const Snapshot> snapshot_;
};

}  // namespace barrio::objects
