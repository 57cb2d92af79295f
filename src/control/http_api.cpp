#include "control/http_api.h"

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "control/http_answer.h"
#include "model/site_identity.h"

namespace barrio::control {

using net::Request;
using net::Response;

namespace {

/// The pattern's {name} segments, decoded, if the path matches.
std::optional<std::vector<std::string>> match(std::string_view pattern, std::string_view path) {
  const auto wanted = split(pattern, '/');
  const auto given = split(path, '/');
  if (wanted.size() != given.size()) return std::nullopt;
  std::vector<std::string> params;
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (!wanted[i].starts_with('{')) {
      if (wanted[i] != given[i]) return std::nullopt;
      continue;
    }
    auto decoded = net::percent_decode(given[i]);
    if (!decoded || decoded->empty()) return std::nullopt;
    params.push_back(std::move(*decoded));
  }
  return params;
}

constexpr size_t most_path_bytes = 1024;

}  // namespace

HttpApi::HttpApi(Control& control, Registry& metrics, HttpConfig config)
    : control_(control), metrics_(metrics), config_(std::move(config)) {}

Response HttpApi::handle(const Request& request, std::optional<Watch>& watch, Over over) {
  Response response = dispatch(request, watch, over);
  const std::string family = std::to_string(response.status / 100) + "xx";
  metrics_.counter("barrio_control_requests_total", "Requests answered by control", {{"code", family}}).add();
  return response;
}

Response HttpApi::dispatch(const Request& request, std::optional<Watch>& watch, Over over) {
  const std::string_view path = request.path();
  if (path.size() > most_path_bytes) return answer(api::problem(400, "the path is longer than 1024 bytes"));
  std::string allowed;
  for (const Route& route : routes()) {
    auto params = match(route.pattern, path);
    if (!params) continue;
    if (route.method == request.method) {
      Response response = perform(route, {request, std::move(*params), {}, {}, {}, &watch, over});
      if (is_of_console(route)) share_with_consoles(request, response);
      return response;
    }
    allowed += (allowed.empty() ? "" : ", ") + std::string(route.method);
  }
  if (auto file = console(request)) return std::move(*file);
  if (allowed.empty()) return answer(api::problem(404, "there is nothing at " + std::string(path)));
  Response response = answer(api::problem(405, "this path takes " + allowed));
  response.headers.emplace_back("Allow", allowed);
  return response;
}

/// By any member of control for itself; all else by the one that leads.
bool HttpApi::answered_by_each(const Route& route) {
  return route.whose == Whose::nobody || route.whose == Whose::operator_over_tls || route.scope == api::scope::member ||
         route.action == &HttpApi::get_blob || route.action == &HttpApi::events || route.action == &HttpApi::consoles;
}

Response HttpApi::perform(const Route& route, Call call) {
  const bool elsewhere = !answered_by_each(route) && config_.forwarding != nullptr;
  if (elsewhere) {
    if (auto answered = config_.forwarding->answer(call.request)) return std::move(*answered);
  }
  if (auto refused = admit(route, call)) return std::move(*refused);
  Response response = act(route, call);
  if (!elsewhere || control_.leadership().leads()) return response;
  // It has lost the lead in the middle of this.
  if (response.status == 503 && Forwarding::repeatable(call.request)) {
    if (auto answered = config_.forwarding->answer(call.request)) return std::move(*answered);
  }
  response.headers.emplace_back(not_leading, "1");
  return response;
}

bool HttpApi::may_come_again(const Route& route) {
  const bool among_ourselves = route.scope == api::scope::site_sync || route.scope == api::scope::member;
  return route.method != "GET" && route.whose != Whose::nobody && !among_ourselves;
}

/// A change with an Idempotency-Key is made once.
Response HttpApi::act(const Route& route, Call& call) {
  if (!may_come_again(route)) return (this->*route.action)(call);
  auto once = control_.once(call.request, call.who.subject);
  if (!once) return answer(once.error());
  if (*once && (*once)->known) return (*once)->again();
  call.once = std::move(*once);
  Response response = (this->*route.action)(call);
  if (!call.once || response.status >= 300 || route.about.gives_secret) return response;
  if (auto kept = control_.keep_answer(*call.once, response); !kept) {
    log_warning("an answer was not kept for who asks again", {{"why", kept.error().text()}});
  }
  return response;
}

/// Who calls, and may they? Nothing: yes.
std::optional<Response> HttpApi::admit(const Route& route, Call& call) {
  if (route.whose == Whose::nobody || (route.whose == Whose::operator_over_tls && call.over == Over::clear))
    return std::nullopt;
  const auto authorization = net::find_header(call.request.headers, "Authorization");
  if (!authorization && config_.open_console && is_of_console(route)) return std::nullopt;
  if (!authorization)
    return unauthorized(Presented::nothing, "a token is needed: POST /oauth2/token with your client credentials");
  auto who = control_.accounts().verify(*authorization);
  if (!who) return unauthorized(Presented::bad_token, who.error().what);
  call.who = std::move(*who);
  if (call.who.role == api::role::site) {
    if (auto good = admit_site(route, SiteId::of(call.who.subject), call.request); !good) return answer(good.error());
  }
  if (route.whose == Whose::operator_over_tls && call.who.role != api::role::network_operator) {
    return answer(api::problem(
        403, "over TLS this takes an operator's token, and this one is for " + call.who.role + " " + call.who.subject));
  }
  if (!route.scope.empty() && !call.who.has(route.scope)) {
    return answer(api::problem(403, "the token of " + call.who.subject + " has no scope " + std::string(route.scope)));
  }
  const auto named = net::query_value(call.request.query(), "tenant");
  if (call.who.role == api::role::tenant) {
    call.tenant = TenantId::of(call.who.subject);
    if (named && *named != call.who.subject)
      return answer(api::problem(403, "the token is for tenant " + call.who.subject));
  } else if (named && call.who.role == api::role::network_operator) {
    auto tenant = TenantId::parse(*named);
    if (!tenant) return answer(tenant.error());
    auto exists = control_.accounts().has_tenant(*tenant);
    if (!exists) return answer(exists.error());
    if (!*exists) {
      return answer(
          Error{Code::not_found, "there is no tenant '" + *named + "'; POST /barrio/v1/tenants makes one", "tenant"});
    }
    call.tenant = std::move(*tenant);
  }
  if (route.whose == Whose::tenant && call.tenant.empty()) {
    return answer(Error{Code::invalid, "name the tenant: add ?tenant=NAME", "tenant"});
  }
  if (auto known = check_query(route, call.request); !known) return answer(known.error());
  return std::nullopt;
}

/// A slip in a parameter's name would change what is answered, and nobody would see it.
Result<void> HttpApi::check_query(const Route& route, const net::Request& request) {
  if (request.query().empty()) return {};
  const auto known = split(route.about.query, ' ');
  for (const std::string_view pair : split(request.query(), '&')) {
    const auto name = net::percent_decode(pair.substr(0, pair.find('=')));
    if (pair.empty() || (name && std::ranges::find(known, std::string_view(*name)) != known.end())) continue;
    const std::string there_are =
        route.about.query.empty() ? "takes none" : "takes " + join_text(std::span<const std::string_view>(known), ", ");
    return fail(Code::invalid, "there is no such parameter; this path " + there_are,
                name ? name->substr(0, 80) : std::string(pair.substr(0, 80)));
  }
  return {};
}

/// The token, the site's certificate, and that the operator let its key in; who joins has a token alone.
Result<void> HttpApi::admit_site(const Route& route, const SiteId& site, const net::Request& request) {
  if (!config_.sites_have_certificates || route.action == &HttpApi::join) return {};
  TRY(const std::string fingerprint, key_of(site, request));
  return control_.admit_key(site, fingerprint);
}

/// The key of the site's certificate. A member that passed the request on has seen it, and says so with a token that
/// only members have. Errors: denied (no certificate of the site was shown), unavailable (the member tells no key: it
/// is of a version before keys were approved, and the site is to ask another one).
Result<std::string> HttpApi::key_of(const SiteId& site, const net::Request& request) {
  if (request.peer_uri == site_uri(site) && !request.peer_key.empty()) return request.peer_key;
  const auto member = net::find_header(request.headers, Forwarding::member_token);
  const auto certificate = net::find_header(request.headers, Forwarding::certificate);
  const auto key = net::find_header(request.headers, Forwarding::certificate_key);
  const auto unshown = fail(
      Code::denied, "the token is for site " + site.str() + ", and this connection has no certificate of that site");
  if (!member || certificate != site_uri(site)) return unshown;
  const auto who = control_.accounts().verify(*member);
  if (!who || !who->has(api::scope::member)) return unshown;
  if (!key || key->empty()) {
    return fail(Code::unavailable, "the member of control that passed this on tells no key: it has yet to be upgraded");
  }
  return std::string(*key);
}

}  // namespace barrio::control
