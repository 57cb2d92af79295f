// What a gateway does with a request's head: who asks, what for, and everything that is answered right here.

#include <algorithm>

#include "api/oip/grpc_messages.h"
#include "api/oip/message.h"
#include "base/crypto.h"
#include "base/text.h"
#include "gateway/device_hash.h"
#include "gateway/gateway_state.h"
#include "model/site_identity.h"

namespace barrio::gateway {

namespace {

constexpr std::string_view all_statistics = "/v2/models/stats";

/// What follows "/versions/V", where that is there; the replica knows its versions.
std::string_view after_version(std::string_view verb) {
  constexpr std::string_view versions = "/versions/";
  if (!verb.starts_with(versions)) return verb;
  const size_t end = std::min(verb.find('/', versions.size()), verb.size());
  return end == versions.size() ? verb : verb.substr(end);
}

void reply_text(net::Exchange& exchange, std::string_view type, std::string_view body) {
  const net::Header header{"Content-Type", type};
  exchange.reply(200, {&header, 1}, body);
}

void reply_json(net::Exchange& exchange, const Json& body) {
  reply_text(exchange, "application/json", print_json(body));
}

void wrong_method(net::Exchange& exchange, std::string_view allowed) {
  const net::Header headers[] = {{"Content-Type", "application/problem+json"}, {"Allow", allowed}};
  const Problem problem{405, "wrong_method", "this path takes " + std::string(allowed), std::string(allowed)};
  exchange.reply(405, headers, problem_json(problem, error_form_of(exchange.request())));
}

}  // namespace

void Gateway::State::on_head(net::Exchange& exchange) {
  const net::RequestHead& head = exchange.request();
  if (is_preflight(head) && answer_preflight(exchange)) return;
  if (auto app = app_by_host(net::find_header(head.headers, net::Field::host).value_or(""), head.target)) {
    return app_request(exchange, std::move(*app));
  }
  if (head.path.starts_with(models_prefix)) return model_request(exchange);
  if (auto app = app_by_path(head.target)) return app_request(exchange, std::move(*app));
  if (head.path.starts_with(api::grpc_service_prefix)) return inference_call(exchange);
  const bool get = head.method == "GET";
  if (head.path == "/healthz" || head.path == "/v2/health/live") {
    return get ? reply_json(exchange, JsonObject{{"live", true}}) : wrong_method(exchange, "GET");
  }
  if (head.path == "/v2/health/ready") {
    if (!get) return wrong_method(exchange, "GET");
    if (dispatcher.snapshot() != nullptr) return reply_json(exchange, JsonObject{{"ready", true}});
    return reply_problem(exchange, {503, "unavailable", "this gateway has no snapshot yet", "another site, or later"});
  }
  if (head.path == "/v2" || head.path == "/v2/") {
    if (!get) return wrong_method(exchange, "GET");
    return reply_text(exchange, "application/json", api::print_server_metadata());
  }
  if (head.path == "/metrics") return get ? figures(exchange) : wrong_method(exchange, "GET");
  if (head.path == "/barrio/v1/discovery") return get ? discovery(exchange) : wrong_method(exchange, "GET");
  if (head.path == "/barrio/v1/replicas") return get ? replica_figures(exchange) : wrong_method(exchange, "GET");
  if (head.path.starts_with("/log/") || head.path.starts_with("/witness/")) return log_request(exchange);
  if (head.path == "/barrio/peer/v1/load") return get ? peer_load(exchange) : wrong_method(exchange, "GET");
  reply_problem(exchange, {404, "not_found", "no such path: " + std::string(head.path), "/v2/models/APP/infer"});
}

void Gateway::State::reply_problem(net::Exchange& exchange, const Problem& problem) {
  Sight sight = observer.begin(exchange.request(), reactor.now());
  const bool forwarded = is_peer(exchange);
  observer.end(sight, exchange, {.status = problem.status, .reason = problem.reason, .forwarded = forwarded},
               reactor.now());
  gateway::reply_problem(exchange, problem, forwarded ? CorsGrant() : cors_by_address(exchange.request()));
}

void Gateway::State::model_request(net::Exchange& exchange) {
  const net::RequestHead& head = exchange.request();
  const std::string_view rest = head.path.substr(models_prefix.size());
  const std::string_view name = rest.substr(0, rest.find('/'));
  const std::string_view verb = after_version(rest.substr(name.size()));
  if (verb != "" && verb != "/ready" && verb != "/config" && verb != "/stats" && verb != "/infer") {
    return reply_problem(exchange,
                         {404, "not_found", "no such path: " + std::string(head.path), "/v2/models/APP/infer"});
  }
  const bool infer = verb == "/infer";
  const api::Identity* identity = tenant_of(exchange);
  if (identity == nullptr) return;
  if (head.method != (infer ? "POST" : "GET")) return wrong_method(exchange, infer ? "POST" : "GET");
  auto app = AppName::parse(name);
  if (!app) {
    return reply_problem(exchange,
                         {404, "unknown_app", "'" + std::string(name) + "' is no app name", "barrio app list"});
  }
  const TenantId tenant = TenantId::of(identity->subject);
  // Triton's list of all; an app may have that name.
  if (head.path == all_statistics && dispatcher.find_app({tenant, *app}) == nullptr) {
    return reply_problem(exchange, {404, "not_found", "a gateway has no statistics of all models",
                                    "of one app's: /apps/APP/v2/models/APP/stats"});
  }
  RequestStart start{.app = {tenant, std::move(*app)}};
  start.infer = infer;
  take(exchange, std::move(start));
}

void Gateway::State::inference_call(net::Exchange& exchange) {
  const net::RequestHead& head = exchange.request();
  const auto name = net::find_header(head.headers, app_header);
  auto app = name ? app_by_name(*name, head.target) : std::nullopt;
  if (app) return app_request(exchange, std::move(*app));
  reply_problem(exchange, {400, "invalid", "the call does not say which app it is for",
                           std::string(app_header) + ": APP as metadata, or the host APP.TENANT.apps.SITE"});
}

bool Gateway::State::is_peer(const net::Exchange& exchange) const {
  if (config.peer_tls.server) {
    const net::TlsInfo* tls = exchange.tls();
    if (tls == nullptr || tls->server != config.peer_tls.server.get() || revoked_keys.contains(tls->peer_key))
      return false;
    const auto site = site_of_uri(tls->peer);
    return site && *site != config.site && dispatcher.find_site(*site) != nullptr;
  }
  if (config.peer_secret.empty()) return false;
  const auto secret = net::find_header(exchange.request().headers, "Barrio-Peer");
  return secret && constant_time_equal(*secret, config.peer_secret);
}

const api::Identity* Gateway::State::tenant_of(net::Exchange& exchange) {
  auto caller = callers.tenant(exchange.request().headers, issuer_clock.earlier(config.wall(), reactor.now()));
  if (const auto* identity = std::get_if<const api::Identity*>(&caller)) return *identity;
  metrics.denied.add();
  reply_problem(exchange, std::get<Problem>(caller));
  return nullptr;
}

/// In clear to anybody, as `listen` is in the operator's own network; where clients come in, to an operator alone.
void Gateway::State::figures(net::Exchange& exchange) {
  const net::TlsInfo* tls = exchange.tls();
  if (tls != nullptr && tls->server == config.tls.get()) {
    const auto caller =
        callers.network_operator(exchange.request().headers, issuer_clock.earlier(config.wall(), reactor.now()));
    if (const auto* problem = std::get_if<Problem>(&caller)) {
      metrics.denied.add();
      return reply_problem(exchange, *problem);
    }
  }
  reply_text(exchange, "text/plain; version=0.0.4", registry.text());
}

std::optional<DeviceLocation> Gateway::State::locate(const net::Exchange& exchange) const {
  auto location = core.locate(exchange.device_ip());
  return location ? std::optional(std::move(*location)) : std::nullopt;
}

void Gateway::State::discovery(net::Exchange& exchange) {
  const api::Identity* identity = tenant_of(exchange);
  if (identity == nullptr) return;
  const auto name = net::query_value(exchange.request().query, "app");
  auto app = AppName::parse(name.value_or(""));
  auto tenant = TenantId::parse(identity->subject);
  if (!app || !tenant) return reply_problem(exchange, {400, "invalid", "'app' must be an app's name", "?app=NAME"});
  const auto location = locate(exchange);
  std::optional<Refusal> refusal;
  const auto ranked = dispatcher.ranked({std::move(*tenant), std::move(*app)}, device_hash(exchange.device_ip()),
                                        location ? &*location : nullptr, reactor.now(), refusal);
  if (refusal && refusal->reason == RefusalReason::unknown_app)
    return reply_problem(exchange, problem_of(404, *refusal));
  JsonArray entries;
  for (const auto& [id, predicted] : ranked) {
    const Site* site = dispatcher.find_site(id);
    entries.push_back(JsonObject{{"site", id.str()},
                                 {"city", site != nullptr ? site->city : ""},
                                 {"gateway", peers.address_text(id)},
                                 {"predicted_ms", to_ms(predicted)}});
  }
  reply_json(exchange,
             JsonObject{{"entries", std::move(entries)}, {"refusal", refusal ? to_json(*refusal) : Json(nullptr)}});
}

void Gateway::State::peer_load(net::Exchange& exchange) {
  if (!is_peer(exchange)) {
    metrics.denied.add();
    return reply_problem(exchange, {403, "not_a_peer", "only other gateways may ask this", ""});
  }
  reply_json(exchange, to_json(dispatcher.load_report(reactor.now())));
}

}  // namespace barrio::gateway
