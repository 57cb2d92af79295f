#include "adapters/local_files/key_ring.h"

#include <sys/stat.h>

#include <filesystem>

#include "base/crypto.h"
#include "base/digest.h"
#include "base/hash.h"
#include "base/seal.h"
#include "base/text.h"

namespace barrio::adapters::local_files {

namespace {

constexpr std::string_view tenant_suffix = ".tenant";
constexpr std::string_view bucket_suffix = ".bucket";  // ID.TENANT.bucket
constexpr std::string_view erased_suffix = ".erased";  // of a file of either kind that is to be written over

}  // namespace

Result<void> KeyRing::load() {
  TRY_DO(make_folder(folder_));
  TRY_DO(wipe_erased());
  TRY(auto names, names_in(folder_));
  for (const std::string& name : names) {
    if (name.ends_with(".new")) TRY_DO(remove_file(folder_ + "/" + name));
    if (name.ends_with(tenant_suffix)) TRY_DO(load_one(name));
  }
  for (const std::string& name : names) {
    if (name.ends_with(bucket_suffix)) TRY_DO(load_one(name));
  }
  return {};
}

Result<void> KeyRing::load_one(const std::string& name) {
  TRY(auto box, read_whole(folder_ + "/" + name));
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
                folder_ + "/" + name);
  }
  (of_tenant ? tenant_keys_[tenant] : bucket_keys_[stem.substr(0, dot)]) = std::move(*key);
  if (!of_tenant) tenants_[stem.substr(0, dot)] = tenant;
  return {};
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
    TRY_DO(replace_file(disk_, folder_, name, seal_boxed(site_key_, name, made.tenant_key)));
  }
  const std::string name = bucket + "." + tenant.str() + std::string(bucket_suffix);
  TRY_DO(replace_file(disk_, folder_, name, seal_boxed(made.tenant_key, name, made.bucket_key)));
  return made;
}

void KeyRing::adopt(Made made) {
  tenants_[made.bucket] = made.tenant.str();
  tenant_keys_[made.tenant.str()] = std::move(made.tenant_key);
  bucket_keys_[made.bucket] = std::move(made.bucket_key);
}

Result<void> KeyRing::erase(const std::string& bucket) const {
  TRY(auto names, names_in(folder_));
  for (const std::string& name : names) {
    if (name.starts_with(bucket + ".")) TRY_DO(remove_file(folder_ + "/" + name));
  }
  TRY(auto folder, open_folder(folder_));
  return disk_.sync(*folder);
}

/// Under another name first, on the device: what is half written over must not be taken for a damaged key.
Result<void> KeyRing::mark_erased(const std::vector<std::string>& names) const {
  for (const std::string& name : names) {
    const std::string path = folder_ + "/" + name;
    TRY_DO(rename_file(path, path + std::string(erased_suffix)));
  }
  TRY(const auto folder, open_folder(folder_));
  return disk_.sync(*folder);
}

/// Written over where it stands: a file system may keep what a removed file held.
Result<void> KeyRing::wipe_erased() const {
  TRY(const auto names, names_in(folder_));
  bool wiped = false;
  for (const std::string& name : names) {
    if (!name.ends_with(erased_suffix)) continue;
    const std::string path = folder_ + "/" + name;
    TRY(const auto file, open_file(path, true));
    TRY(const auto size, size_of(*file));
    TRY_DO(disk_.write_at(*file, std::string(size, '\0'), 0));
    TRY_DO(disk_.sync(*file));
    TRY_DO(remove_file(path));
    wiped = true;
  }
  if (!wiped) return {};
  TRY(const auto folder, open_folder(folder_));
  return disk_.sync(*folder);
}

Result<void> KeyRing::erase_tenant(const TenantId& tenant) const {
  const std::string own = tenant.str() + std::string(tenant_suffix);
  const std::string of_buckets = "." + tenant.str() + std::string(bucket_suffix);
  TRY(const auto names, names_in(folder_));
  std::vector<std::string> keys;
  for (const std::string& name : names) {
    if (name == own) TRY_DO(mark_erased({name}));
    if (name.ends_with(of_buckets)) keys.push_back(name);
  }
  TRY_DO(mark_erased(keys));
  return wipe_erased();
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

Result<std::string> read_site_key(const std::string& path, const std::string& data_folder) {
  std::error_code problem;
  const auto file = std::filesystem::weakly_canonical(path, problem);
  const auto folder = std::filesystem::weakly_canonical(data_folder, problem);
  const auto relative = file.lexically_relative(folder);
  if (!relative.empty() && *relative.begin() != "..") {
    return fail(Code::invalid, "must lie outside of the data folder " + data_folder + ": a stolen disk would have both",
                "storage.key_file");
  }
  struct stat found{};
  if (::stat(path.c_str(), &found) != 0) return fail(Code::not_found, "there is no file " + path, "storage.key_file");
  if ((found.st_mode & 077) != 0) {
    return fail(Code::denied, "others may read " + path + ": its mode must be 0600 or 0400", "storage.key_file");
  }
  TRY(auto text, read_whole(path));
  auto key = bytes_of_hex(trim(text));
  if (!key || key->size() != seal_key_bytes) {
    return fail(Code::invalid, "must hold 64 hexadecimal digits; 'openssl rand -hex 32' makes them",
                "storage.key_file");
  }
  return std::move(*key);
}

}  // namespace barrio::adapters::local_files
