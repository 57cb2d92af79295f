#include "gateway/api_keys.h"

#include "api/oauth/api_key.h"
#include "base/crypto.h"

namespace barrio::gateway {

void ApiKeys::set_keys(const std::vector<ApiKey>& keys) {
  by_id_.clear();
  for (const ApiKey& key : keys) {
    const WallTime expires = key.expires == 0 ? WallTime::max() : WallTime(std::chrono::seconds(key.expires));
    by_id_[key.id] = {key.sha256, "", {key.tenant.str(), std::string(api::role::tenant), key.scopes, expires}};
  }
}

Result<const api::Identity*> ApiKeys::verify(std::string_view key, WallTime now) {
  const auto id = api::api_key_id(key);
  if (!id) return fail(Code::denied, "not an API key: brk_, 16 digits of id, _ and the secret");
  const auto found = by_id_.find(*id);
  if (found == by_id_.end()) return fail(Code::denied, "unknown or revoked API key");
  Entry& entry = found->second;
  if (!constant_time_equal(entry.verified, key)) {
    if (!constant_time_equal(api::api_key_hash(key), entry.sha256)) return fail(Code::denied, "wrong API key");
    entry.verified = key;
  }
  if (now >= entry.identity.expires) return fail(Code::denied, "expired at " + to_string(entry.identity.expires));
  return &entry.identity;
}

}  // namespace barrio::gateway
