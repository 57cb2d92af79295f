#pragma once
// Access tokens: JWTs (RFC 7519) signed with ES256 and nothing else, in the shape of RFC 9068. Control issues them;
// gateways and control verify them from the keys of the snapshot, without asking anybody.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/crypto.h"
#include "base/json.h"
#include "model/snapshot.h"

namespace barrio::api {

namespace scope {
inline constexpr std::string_view apps_read = "barrio:apps:read";
inline constexpr std::string_view apps_write = "barrio:apps:write";
inline constexpr std::string_view infer = "barrio:infer";
inline constexpr std::string_view sites_read = "barrio:sites:read";
inline constexpr std::string_view sites_write = "barrio:sites:write";
inline constexpr std::string_view tenants_write = "barrio:tenants:write";
inline constexpr std::string_view usage_read = "barrio:usage:read";
inline constexpr std::string_view audit_read = "barrio:audit:read";
inline constexpr std::string_view site_sync = "barrio:site:sync";
inline constexpr std::string_view member = "barrio:control:member";
}  // namespace scope

namespace role {
inline constexpr std::string_view tenant = "tenant";
inline constexpr std::string_view network_operator = "operator";
inline constexpr std::string_view site = "site";
inline constexpr std::string_view member = "member";  // of control; no account has it
}  // namespace role

/// Who a verified token speaks for.
struct Identity {
  std::string subject;  // a tenant's name, "operator", or a site's id
  std::string role;     // tenant | operator | site
  std::vector<std::string> scopes;
  WallTime expires;
  bool has(std::string_view scope) const;
};

/// All scopes that a role may have; empty for an unknown role.
std::vector<std::string> scopes_of(std::string_view role);

inline constexpr size_t max_token_bytes = 4096;

/// Valid from `now` until identity.expires.
std::string issue_token(const Es256Key& key, const std::string& kid, const Identity& identity, WallTime now);

/// Errors: denied with the reason: "expired at ...", "unknown key ...", "bad signature", "not a JWT", ...
Result<Identity> verify_token(std::string_view jwt, std::span<const VerifyingKey> keys, WallTime now);

/// The token of "Authorization: Bearer TOKEN". Errors: denied.
Result<std::string_view> bearer_token(std::string_view authorization);

/// The public key as gateways need it. The kid is derived from the key, so that two keys never share one.
VerifyingKey verifying_key(const Es256Key& key);
/// RFC 7517 section 5.
Json jwks(std::span<const VerifyingKey> keys);

}  // namespace barrio::api
