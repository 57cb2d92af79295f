#pragma once
// The identifiers of Barrio's nouns.

#include <compare>

#include "base/id.h"
#include "base/json.h"

namespace barrio {

using OperatorId = Id<struct OperatorTag>;
using SiteId = Id<struct SiteTag>;
using TenantId = Id<struct TenantTag>;
using AppName = Id<struct AppTag>;
using ReplicaId = Id<struct ReplicaTag>;

/// An app's full name: names are unique within a tenant. Written "tenant/name".
struct AppKey {
  TenantId tenant;
  AppName name;
  static Result<AppKey> parse(std::string_view text);
  std::string str() const { return tenant.str() + "/" + name.str(); }
  auto operator<=>(const AppKey&) const = default;
};

/// The n-th replica of an app on a site: a readable prefix plus a hash of the full names, at most 63 characters.
ReplicaId replica_id(const AppKey& app, const SiteId& site, int ordinal);

}  // namespace barrio
