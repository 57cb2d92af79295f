#pragma once
// A leaf of a site's log, byte for byte as docs/proof.md has it ("barrio.leaf/1"): lines of ASCII text in a fixed
// order. Who must not know the tenant sees only HMACs under a salt that the site gives to the tenant. Pure.

#include <string>
#include <string_view>

#include "base/digest.h"
#include "model/log_event.h"

namespace barrio::decide {

/// 32 bytes, of one tenant at one site. Who has it can recompute the names below, and nobody else.
using TenantSalt = std::string;
inline constexpr size_t tenant_salt_bytes = 32;

/// 64 hex digits.
std::string salted_tenant(const TenantSalt& salt, const TenantId& tenant);
std::string salted_subject(const TenantSalt& salt, std::string_view subject);
std::string salted_content(const TenantSalt& salt, std::string_view sha256);
/// From the site's secret, so that it keeps nothing for each tenant.
TenantSalt tenant_salt(std::string_view site_secret, const TenantId& tenant);

struct Leaf {
  LogOperation operation = LogOperation::stored;
  WallTime time;  // when it was appended; never before the leaf before
  SiteId site;
  Jurisdiction where;
  std::string tenant;   // salted
  std::string subject;  // salted
  std::string content;  // salted; empty: none
  int64_t policy = 0;
  std::optional<LoggedSession> session = {};
  std::string str() const;
  bool operator==(const Leaf&) const = default;
};
/// Errors: invalid, also for anything that str() would not write.
Result<Leaf> parse_leaf(std::string_view text);

Leaf make_leaf(const LogEvent& event, const SiteId& site, const TenantSalt& salt, WallTime time);

}  // namespace barrio::decide
