#pragma once
// How a site is called in certificates.

#include <optional>
#include <string>
#include <string_view>

#include "model/ids.h"

namespace barrio {

/// Its identity, a URI in the subject alternative names: "barrio://site/bio1".
std::string site_uri(const SiteId& site);
/// The site whose identity that is; nullopt for any other text.
std::optional<SiteId> site_of_uri(std::string_view uri);
/// The DNS name by which other sites verify it, whatever address they reach it at: "bio1.site.barrio.internal".
std::string site_host(const SiteId& site);

}  // namespace barrio
