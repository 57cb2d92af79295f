// What a gateway does with requests to apps, by host, by path or about their model: whose app, by when, within which
// limits; then they are on their way.

#include <algorithm>
#include <array>

#include "base/text.h"
#include "gateway/deadlines.h"
#include "gateway/device_hash.h"
#include "gateway/gateway_state.h"

namespace barrio::gateway {

namespace {

/// RFC 9110 section 9.2.2.
constexpr std::array<std::string_view, 6> idempotent = {"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"};

}  // namespace

void Gateway::State::app_request(net::Exchange& exchange, AppAddress address) {
  auto owner = owner_of(exchange, address);
  if (!owner) return;
  const net::RequestHead& head = exchange.request();
  RequestStart start{.app = {std::move(*owner), std::move(address.app)}};
  start.infer = false;
  start.repeatable = std::ranges::find(idempotent, head.method) != idempotent.end();
  start.streams = true;
  start.route = {.used = true, .prefix = address.prefix, .rest = address.rest};
  take(exchange, std::move(start));
}

std::optional<TenantId> Gateway::State::owner_of(net::Exchange& exchange, const AppAddress& address) {
  if (!address.tenant.empty()) {
    const App* app = dispatcher.find_app({address.tenant, address.app});
    if (app != nullptr && app->spec.is_public()) return address.tenant;
  }
  const api::Identity* identity = tenant_of(exchange);
  if (identity == nullptr) return std::nullopt;
  if (!address.tenant.empty() && address.tenant.str() != identity->subject) {
    metrics.denied.add();
    reply_problem(exchange, {.status = 403,
                             .reason = "wrong_tenant",
                             .detail = "the credentials are of tenant " + identity->subject,
                             .nearest = "credentials of tenant " + address.tenant.str()});
    return std::nullopt;
  }
  return TenantId::of(identity->subject);
}

bool Gateway::State::set_deadline(net::Exchange& exchange, RequestStart& start) {
  const net::RequestHead& head = exchange.request();
  if (start.forwarded) {
    const auto left = parse_double(net::find_header(head.headers, deadline_header).value_or(""));
    if (left && *left > 0 && *left < 1e6) start.deadline = exchange.first_byte() + from_ms(*left);
    return true;
  }
  const auto asked = asked_timeout(head.headers);
  if (!asked) {
    reply_problem(exchange, {.status = 400,
                             .reason = "invalid",
                             .detail = asked.error().text(),
                             .nearest = "Barrio-Timeout-Ms: 250, or grpc-timeout: 250m"});
    return false;
  }
  if (!*asked) return true;
  start.deadline = exchange.first_byte() + **asked;
  start.streams = false;  // the client says when all of the answer must be there
  return true;
}

void Gateway::State::take(net::Exchange& exchange, RequestStart&& start) {
  const net::RequestHead& head = exchange.request();
  start.device = device_hash(exchange.device_ip());
  start.forwarded = is_peer(exchange);
  if (!set_deadline(exchange, start)) return;
  start.known = dispatcher.find_app(start.app);
  start.most_body = limits.most_body(start.app, start.known);
  const Limits::Request asks{.app = start.app,
                             .known = start.known,
                             .forwarded = start.forwarded,
                             .length = head.has_body ? head.content_length : std::optional<uint64_t>(0),
                             .most_body = start.most_body};
  if (const auto over = limits.enter(asks, reactor.now(), start.hold)) return reply_problem(exchange, *over);
  if (!start.forwarded) start.location = locate(exchange);
  request().start(exchange, std::move(start));
}

}  // namespace barrio::gateway
