#include "gateway/cors.h"

#include <algorithm>

#include "base/text.h"
#include "gateway/gateway_state.h"

namespace barrio::gateway {

namespace {

constexpr std::string_view request_method = "Access-Control-Request-Method";
constexpr std::string_view request_headers = "Access-Control-Request-Headers";

}  // namespace

bool is_preflight(const net::RequestHead& head) {
  return head.method == "OPTIONS" && net::find_header(head.headers, "Origin") &&
         net::find_header(head.headers, request_method);
}

CorsGrant cors_of(const App* app, const net::RequestHead& head) {
  if (app == nullptr || !app->spec.cors) return {};
  CorsGrant grant{.said = true, .origin = {}, .max_age = app->spec.cors->max_age};
  if (const auto origin = net::find_header(head.headers, "Origin")) grant.origin = app->spec.cors->allowed(*origin);
  return grant;
}

void add_cors(const CorsGrant& grant, std::vector<net::Header>& headers) {
  if (!grant.said) return;
  std::erase_if(headers, [](const net::Header& header) {
    return header.field == net::Field::other && starts_with_small(header.name, "access-control-");
  });
  // What is kept of an answer by the way must not be given to another origin.
  if (grant.by_origin()) headers.push_back({net::Field::vary, "Vary", "Origin"});
  if (grant.origin.empty()) return;
  headers.push_back({"Access-Control-Allow-Origin", grant.origin});
  headers.push_back({"Access-Control-Expose-Headers", "*"});
}

/// A preflight has no credentials: where the address does not say whose app it is, any of that name may let the page
/// in. That lets a browser send the request, no more; whose app that is, and who may read the answer, is decided then.
CorsGrant Gateway::State::cors_by_address(const net::RequestHead& head) const {
  const Snapshot* snapshot = dispatcher.snapshot();
  const auto address = address_of(head);
  if (snapshot == nullptr || !address) return {};
  if (!address->tenant.empty()) return cors_of(dispatcher.find_app({address->tenant, address->app}), head);
  CorsGrant best;
  if (!net::find_header(head.headers, "Origin")) return best;
  for (const App& app : snapshot->apps) {
    if (app.spec.name != address->app) continue;
    const CorsGrant grant = cors_of(&app, head);
    if (!grant.origin.empty()) return grant;
    if (grant.said) best = grant;
  }
  return best;
}

bool Gateway::State::answer_preflight(net::Exchange& exchange) {
  const net::RequestHead& head = exchange.request();
  const CorsGrant grant = cors_by_address(head);
  if (!grant.said) return false;
  if (grant.origin.empty()) {
    const std::string origin(net::find_header(head.headers, "Origin").value_or(""));
    reply_problem(exchange, {.status = 403,
                             .reason = "origin",
                             .detail = "pages of " + origin + " may not call this app",
                             .nearest = "this origin in cors.origins of the app file"});
    return true;
  }
  const std::string seconds = std::to_string(std::chrono::duration_cast<std::chrono::seconds>(grant.max_age).count());
  std::vector<net::Header> headers;
  add_cors(grant, headers);
  headers.push_back({"Access-Control-Allow-Methods", *net::find_header(head.headers, request_method)});
  if (const auto asked = net::find_header(head.headers, request_headers))
    headers.push_back({"Access-Control-Allow-Headers", *asked});
  headers.push_back({"Access-Control-Max-Age", seconds});
  headers.push_back({net::Field::vary, "Vary", "Access-Control-Request-Method, Access-Control-Request-Headers"});
  exchange.reply(204, headers, "");
  return true;
}

}  // namespace barrio::gateway
