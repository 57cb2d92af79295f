// The console's files, and what lets a page of it go on at another member.

#include <algorithm>

#include "base/text.h"
#include "control/consoles.h"
#include "control/http_answer.h"
#include "control/http_api.h"

namespace barrio::control {

namespace {

constexpr size_t most_origin_text = 255;

/// What a browser leaves out of an origin.
std::string_view default_port(std::string_view scheme) {
  return scheme == "https://" ? ":443" : ":80";
}

bool is_of_host(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
}

}  // namespace

Result<std::string> parse_origin(std::string_view text) {
  const auto wrong = [&](const char* why) {
    return fail(Code::invalid, "'" + std::string(text.substr(0, most_origin_text)) + "' " + why);
  };
  if (text.size() > most_origin_text) return wrong("is too long");
  const std::string_view scheme = text.starts_with("https://") ? "https://" : "http://";
  std::string_view rest = text;
  if (rest.starts_with(scheme)) rest.remove_prefix(scheme.size());
  if (rest.starts_with('[')) return wrong("is an IPv6 address, which the policy of a page cannot name: give it a name");
  const size_t colon = std::min(rest.find(':'), rest.size());
  const std::string_view host = rest.substr(0, colon);
  std::string_view port = rest.substr(colon);
  if (host.empty() || !std::ranges::all_of(host, is_of_host))
    return wrong("must be https://HOST or https://HOST:PORT (or http), in small letters, without a path");
  const auto number = port.empty() ? std::optional<uint64_t>(1) : parse_uint(port.substr(1));
  if (!number || *number < 1 || *number > 65535) return wrong("must have a port from 1 to 65535, or none");
  if (port == default_port(scheme)) port = {};
  return std::string(scheme) + std::string(host) + std::string(port);
}

std::string with_consoles(std::string policy, const Consoles& consoles) {
  constexpr std::string_view own = "connect-src 'self'";
  const size_t at = policy.find(own);
  if (at == std::string::npos) return policy;
  std::string others;
  for (const auto& [member, origin] : consoles) others += " " + origin;
  return policy.insert(at + own.size(), others);
}

std::optional<net::Response> HttpApi::console(const net::Request& request) const {
  if (request.method != "GET" && request.method != "HEAD") return std::nullopt;
  const std::string path(request.path() == "/" ? "/index.html" : request.path());
  auto found = config_.assets.find(path);
  if (found == config_.assets.end()) return std::nullopt;
  const ConsoleFile& file = found->second;
  net::Response response;
  // Names under /assets/ carry a hash of their content.
  const bool hashed = path.starts_with("/assets/");
  response.headers = {{"ETag", file.etag},
                      {"Cache-Control", hashed ? "public, max-age=31536000, immutable" : "no-cache"},
                      {"X-Content-Type-Options", "nosniff"}};
  if (!config_.content_security_policy.empty()) {
    response.headers.emplace_back("Content-Security-Policy", config_.content_security_policy);
  }
  if (net::find_header(request.headers, "If-None-Match") == file.etag) {
    response.status = 304;
    return response;
  }
  response.headers.emplace_back("Content-Type", file.content_type);
  if (request.method == "GET") response.body = file.bytes;
  return response;
}

/// What the page reads; all of it is for anybody where the console is open.
bool HttpApi::is_of_console(const Route& route) {
  return route.action == &HttpApi::live || route.action == &HttpApi::storage_sums || route.action == &HttpApi::consoles;
}

/// A page of another member may read what a page of this one may, with no more than anybody has. Of other origins none
/// may, and with a token none: no preflight is answered.
void HttpApi::share_with_consoles(const net::Request& request, net::Response& response) const {
  const auto origin = net::find_header(request.headers, "Origin");
  if (!origin || !config_.open_console) return;
  const bool known = std::ranges::any_of(config_.consoles, [&](const auto& one) { return one.second == *origin; });
  if (!known) return;
  // An answer that another member gave may have them already.
  std::erase_if(response.headers, [](const auto& field) {
    return net::same_name(field.first, "Access-Control-Allow-Origin") || net::same_name(field.first, "Vary") ||
           net::same_name(field.first, "Access-Control-Expose-Headers");
  });
  response.headers.emplace_back("Access-Control-Allow-Origin", *origin);
  response.headers.emplace_back("Access-Control-Expose-Headers", not_leading);
  response.headers.emplace_back("Vary", "Origin");
}

net::Response HttpApi::consoles(const Call&) {
  api::ConsoleList list{control_.leadership().self().name, {}};
  for (const auto& [member, origin] : config_.consoles) list.consoles.push_back({member, origin});
  return answer_json(200, list);
}

}  // namespace barrio::control
