#include "model/site_identity.h"

namespace barrio {

namespace {

constexpr std::string_view scheme = "barrio://site/";

}  // namespace

std::string site_uri(const SiteId& site) {
  return std::string(scheme) + site.str();
}

std::optional<SiteId> site_of_uri(std::string_view uri) {
  if (!uri.starts_with(scheme)) return std::nullopt;
  auto site = SiteId::parse(uri.substr(scheme.size()));
  return site ? std::optional(std::move(*site)) : std::nullopt;
}

std::string site_host(const SiteId& site) {
  return site.str() + ".site.barrio.internal";
}

}  // namespace barrio
