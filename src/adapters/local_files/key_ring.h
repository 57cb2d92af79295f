#pragma once
// The keys of a site's storage. Each bucket has a key, sealed with its tenant's, which is sealed with the site's; what
// is on the data disk is sealed, and noise without the site's key, which comes from elsewhere. Removing a sealed key
// erases what it opens (crypto-shredding). Lives on the store's loop; what blocks is const and may be called elsewhere.

#include <map>
#include <optional>
#include <string>

#include "adapters/local_files/disk.h"
#include "model/ids.h"

namespace barrio::adapters::local_files {

class KeyRing {
 public:
  KeyRing(Disk& disk, std::string folder, std::string site_key)
      : disk_(disk), folder_(std::move(folder)), site_key_(std::move(site_key)) {}

  /// Opens all keys that are there. Blocks. Errors: unavailable, denied (sealed with another site key).
  Result<void> load();
  struct Made {
    std::string bucket;
    TenantId tenant;
    std::string bucket_key;
    std::string tenant_key;
  };
  /// A bucket's key on the disk, `key` or a new one, and its tenant's if it has none. Blocks, and is not called twice
  /// at a time. Errors: unavailable, exhausted.
  Result<Made> make(const std::string& bucket, const TenantId& tenant, const std::optional<std::string>& key) const;
  void adopt(Made made);
  /// From the disk. Blocks.
  Result<void> erase(const std::string& bucket) const;
  void forget(const std::string& bucket) { bucket_keys_.erase(bucket); }
  /// From the disk, the tenant's key first, which opens the others; what stood there is written over. Blocks.
  Result<void> erase_tenant(const TenantId& tenant) const;
  void forget_tenant(const TenantId& tenant) { tenant_keys_.erase(tenant.str()); }
  /// Buckets whose keys the tenant's seals.
  std::vector<std::string> buckets_of(const TenantId& tenant) const;
  /// Null: there is none. The key of one record or file of it: of_bucket and a salt that is used once.
  const std::string* of_bucket(const std::string& bucket) const;
  const std::map<std::string, std::string>& buckets() const { return bucket_keys_; }

 private:
  Result<void> load_one(const std::string& name);
  Result<void> mark_erased(const std::vector<std::string>& names) const;
  Result<void> wipe_erased() const;

  Disk& disk_;
  const std::string folder_;
  const std::string site_key_;
  std::map<std::string, std::string> tenant_keys_;  // by tenant
  std::map<std::string, std::string> bucket_keys_;  // by bucket's id
  std::map<std::string, std::string> tenants_;      // by bucket's id
};

inline constexpr size_t salt_bytes = 16;
std::string content_key(const std::string& bucket_key, std::string_view salt);

/// The site's own key: 64 hex digits in a file, which must not be within the data folder, nor readable by others.
/// Errors: not_found, invalid, denied.
Result<std::string> read_site_key(const std::string& path, const std::string& data_folder);

}  // namespace barrio::adapters::local_files
