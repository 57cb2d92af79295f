#include "model/cors.h"

#include <algorithm>

namespace barrio {

namespace {

constexpr std::string_view anywhere = "*";
constexpr size_t longest_origin = 300;

/// "app.example.com:8443" as browsers say it: small letters, digits, dots, hyphens, or an IPv6 address in brackets; a
/// port, where there is one, in digits.
bool is_authority(std::string_view text) {
  const size_t bracket = text.starts_with('[') ? text.find(']') : 0;
  if (bracket == std::string_view::npos) return false;
  const size_t colon = text.find(':', bracket);
  const std::string_view host = text.substr(0, colon);
  const std::string_view letters = bracket == 0 ? "abcdefghijklmnopqrstuvwxyz0123456789.-_" : "0123456789abcdef:.[]";
  if (host.empty() || host.find_first_not_of(letters) != std::string_view::npos) return false;
  if (colon == std::string_view::npos) return true;
  const std::string_view port = text.substr(colon + 1);
  return !port.empty() && port.size() <= 5 && port.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

Result<WebOrigin> WebOrigin::parse(std::string_view text) {
  WebOrigin origin;
  origin.text_ = text;
  if (text == anywhere) return origin;
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (text.size() <= longest_origin && text.starts_with(scheme) && is_authority(text.substr(scheme.size())))
      return origin;
  }
  return fail(Code::invalid, "'" + std::string(text.substr(0, 80)) +
                                 "' must be where a page comes from, as browsers say it: https://app.example.com or "
                                 "http://localhost:5173, in small letters and without a path; or *, for anywhere");
}

Result<void> CorsSpec::check() const {
  if (origins.empty())
    return fail(Code::invalid, "must name at least one: https://app.example.com, or \"*\" for anywhere", "origins");
  if (origins.size() > most_origins)
    return fail(Code::invalid, "must be at most " + std::to_string(most_origins), "origins");
  if (max_age < 0s || max_age > 24h) return fail(Code::invalid, "must be from 0s to 24h", "max_age");
  return {};
}

std::string_view CorsSpec::allowed(std::string_view origin) const {
  for (const WebOrigin& one : origins) {
    if (one.str() == anywhere) return anywhere;
    if (one.str() == origin) return origin;
  }
  return {};
}

}  // namespace barrio
