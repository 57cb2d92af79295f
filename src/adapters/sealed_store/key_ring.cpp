#include "adapters/sealed_store/key_ring.h"

#include "base/crypto.h"
#include "base/digest.h"
#include "base/hash.h"
#include "base/seal.h"

namespace barrio::adapters::sealed_store {

namespace {

constexpr std::string_view tenant_suffix = ".tenant";
constexpr std::string_view bucket_suffix = ".bucket";  // ID.TENANT.bucket

}  // namespace

Result<void> KeyRing::load() {
  TRY(auto names, medium_.names(ports::Folder::keys));
  for (const std::string& name : names) {
    if (name.ends_with(tenant_suffix)) TRY_DO(load_one(name));
  }
  for (const std::string& name : names) {
    if (name.ends_with(bucket_suffix)) TRY_DO(load_one(name));
  }
  return {};
}

Result<void> KeyRing::load_one(const std::string& name) {
  TRY(auto box, medium_.read_whole(ports::Folder::keys, name));
  const bool of_tenant = name.ends_with(tenant_suffix);
  const std::string stem = name.substr(0, name.rfind('.'));
  const size_t dot = stem.find('.');
  const std::string tenant = of_tenant ? stem : stem.substr(std::min(dot + 1, stem.size()));
  const auto outer = tenant_keys_.find(tenant);
  // Without its tenant's key a bucket is erased.
  if (!of_tenant && outer == tenant_keys_.end()) return {};
  auto key = unseal_boxed(of_tenant ? site_key_ : outer->second, name, box);
  if (!key || key->size() != seal_key_bytes) {
    return fail(Code::denied, "cannot be opened: is this the key that the site's storage was made with?",
                medium_.place_of(ports::Folder::keys, name));
  }
  (of_tenant ? tenant_keys_[tenant] : bucket_keys_[stem.substr(0, dot)]) = std::move(*key);
  if (!of_tenant) tenants_[stem.substr(0, dot)] = tenant;
  return {};
}

/// The key that is there then: another process that has the same storage, or had, may have been the first.
Result<std::string> KeyRing::put_key(const std::string& outer, const std::string& name, std::string key) const {
  auto put = medium_.make_whole(ports::Folder::keys, name, seal_boxed(outer, name, key));
  if (put) return key;
  if (put.error().code != Code::conflict) return fail(std::move(put).error());
  TRY(const auto box, medium_.read_whole(ports::Folder::keys, name));
  auto present = unseal_boxed(outer, name, box);
  if (present && present->size() == seal_key_bytes) return present;
  return fail(Code::unavailable, "is sealed with another key", medium_.place_of(ports::Folder::keys, name));
}

Result<KeyRing::Made> KeyRing::make(const std::string& bucket, const TenantId& tenant,
                                    const std::optional<std::string>& key) const {
  Made made{bucket, tenant, key.value_or(random_bytes(seal_key_bytes)), {}};
  const auto known = tenant_keys_.find(tenant.str());
  if (known != tenant_keys_.end()) {
    made.tenant_key = known->second;
  } else {
    made.tenant_key = random_bytes(seal_key_bytes);
    const std::string name = tenant.str() + std::string(tenant_suffix);
    TRY(made.tenant_key, put_key(site_key_, name, std::move(made.tenant_key)));
  }
  const std::string name = bucket + "." + tenant.str() + std::string(bucket_suffix);
  TRY(made.bucket_key, put_key(made.tenant_key, name, std::move(made.bucket_key)));
  if (key && made.bucket_key != *key) return fail(Code::unavailable, "the bucket has another key here", "bucket");
  return made;
}

void KeyRing::adopt(Made made) {
  tenants_[made.bucket] = made.tenant.str();
  tenant_keys_[made.tenant.str()] = std::move(made.tenant_key);
  bucket_keys_[made.bucket] = std::move(made.bucket_key);
}

Result<void> KeyRing::erase(const std::string& bucket) const {
  TRY_DO(medium_.check_taken());
  TRY(auto names, medium_.names(ports::Folder::keys));
  std::erase_if(names, [&](const std::string& name) { return !name.starts_with(bucket + "."); });
  TRY_DO(medium_.remove(ports::Folder::keys, names));
  return medium_.sync_names(ports::Folder::keys);
}

Result<void> KeyRing::erase_tenant(const TenantId& tenant) const {
  TRY_DO(medium_.check_taken());
  const std::string own = tenant.str() + std::string(tenant_suffix);
  const std::string of_buckets = "." + tenant.str() + std::string(bucket_suffix);
  TRY(const auto names, medium_.names(ports::Folder::keys));
  std::vector<std::string> keys;
  for (const std::string& name : names) {
    if (name == own) TRY_DO(medium_.shred(ports::Folder::keys, {&name, 1}));
    if (name.ends_with(of_buckets)) keys.push_back(name);
  }
  return medium_.shred(ports::Folder::keys, keys);
}

std::vector<std::string> KeyRing::buckets_of(const TenantId& tenant) const {
  std::vector<std::string> buckets;
  for (const auto& [bucket, key] : bucket_keys_) {
    const auto found = tenants_.find(bucket);
    if (found != tenants_.end() && found->second == tenant.str()) buckets.push_back(bucket);
  }
  return buckets;
}

const std::string* KeyRing::of_bucket(const std::string& bucket) const {
  const auto found = bucket_keys_.find(bucket);
  return found == bucket_keys_.end() ? nullptr : &found->second;
}

std::string content_key(const std::string& bucket_key, std::string_view salt) {
  return std::string(text_of(hmac_sha256(bucket_key, "barrio object content" + std::string(salt))));
}

}  // namespace barrio::adapters::sealed_store
