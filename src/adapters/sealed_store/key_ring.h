#pragma once
// The keys of a site's storage. Each bucket has a key, sealed with its tenant's, which is sealed with the site's; what
// is kept is sealed, and noise without the site's key, which comes from elsewhere. Removing a sealed key
// erases what it opens (crypto-shredding). Lives on the store's loop; what blocks is const and may be called elsewhere.

#include <map>
#include <optional>
#include <string>

#include "model/ids.h"
#include "ports/medium.h"

namespace barrio::adapters::sealed_store {

class KeyRing {
 public:
  KeyRing(ports::Medium& medium, std::string site_key) : medium_(medium), site_key_(std::move(site_key)) {}

  /// Opens all keys that are there. Blocks. Errors: unavailable, denied (sealed with another site key).
  Result<void> load();
  struct Made {
    std::string bucket;
    TenantId tenant;
    std::string bucket_key;
    std::string tenant_key;
  };
  /// A bucket's key on the medium, `key` or a new one, and its tenant's if it has none; or those that another process
  /// put there meanwhile. Blocks, and is not called twice at a time. Errors: unavailable, exhausted.
  Result<Made> make(const std::string& bucket, const TenantId& tenant, const std::optional<std::string>& key) const;
  void adopt(Made made);
  /// From the medium. Blocks.
  Result<void> erase(const std::string& bucket) const;
  void forget(const std::string& bucket) { bucket_keys_.erase(bucket); }
  /// From the medium, for good, the tenant's key first, which opens the others. Blocks.
  Result<void> erase_tenant(const TenantId& tenant) const;
  void forget_tenant(const TenantId& tenant) { tenant_keys_.erase(tenant.str()); }
  /// Buckets whose keys the tenant's seals.
  std::vector<std::string> buckets_of(const TenantId& tenant) const;
  /// Null: there is none. The key of one record or file of it: of_bucket and a salt that is used once.
  const std::string* of_bucket(const std::string& bucket) const;
  const std::map<std::string, std::string>& buckets() const { return bucket_keys_; }

 private:
  Result<void> load_one(const std::string& name);
  Result<std::string> put_key(const std::string& outer, const std::string& name, std::string key) const;

  ports::Medium& medium_;
  const std::string site_key_;
  std::map<std::string, std::string> tenant_keys_;  // by tenant
  std::map<std::string, std::string> bucket_keys_;  // by bucket's id
  std::map<std::string, std::string> tenants_;      // by bucket's id
};

inline constexpr size_t salt_bytes = 16;
std::string content_key(const std::string& bucket_key, std::string_view salt);

}  // namespace barrio::adapters::sealed_store
