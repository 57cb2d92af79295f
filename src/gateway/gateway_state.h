#pragma once
// The parts of a Gateway, and what it does with a request before it is proxied. Private to gateway/.

#include <set>

#include "api/oauth/issuer_clock.h"
#include "gateway/app_address.h"
#include "gateway/callers.h"
#include "gateway/connection_metrics.h"
#include "gateway/cors.h"
#include "gateway/gateway.h"
#include "gateway/meter.h"
#include "gateway/observer.h"
#include "gateway/peers.h"
#include "gateway/proxied_request.h"
#include "gateway/request_metrics.h"
#include "net/work_list.h"

namespace barrio::gateway {

struct Gateway::State final : net::ExchangeHandler, std::enable_shared_from_this<Gateway::State> {
  State(net::Reactor& loop, GatewayConfig settings, const ports::CoreNetwork& core_network, Registry& metrics_registry);
  ~State();

  void on_head(net::Exchange& exchange) override;
  void on_body(net::Exchange& exchange, std::string_view piece) override;
  void on_trailers(net::Exchange& exchange, std::span<const net::Header> trailers) override;
  void on_end(net::Exchange& exchange) override;
  void on_tunnel_end(net::Exchange& exchange) override;
  void on_writable(net::Exchange& exchange) override;
  void on_closed(net::Exchange& exchange, bool aborted) override;

  void tick();
  void model_request(net::Exchange& exchange);
  /// Of the Open Inference Protocol over gRPC: its paths are the same for all apps.
  void inference_call(net::Exchange& exchange);
  void app_request(net::Exchange& exchange, AppAddress address);
  /// Whose app; none: the exchange is answered.
  std::optional<TenantId> owner_of(net::Exchange& exchange, const AppAddress& address);
  /// Deadline and limits of a request whose caller may send it; then it is on its way.
  void take(net::Exchange& exchange, RequestStart&& start);
  /// False: the exchange is answered with 400.
  bool set_deadline(net::Exchange& exchange, RequestStart& start);
  /// Of the app that a request names, as far as its address says which that is.
  CorsGrant cors_by_address(const net::RequestHead& head) const;
  /// False: it is the app's business.
  bool answer_preflight(net::Exchange& exchange);
  void figures(net::Exchange& exchange);
  void discovery(net::Exchange& exchange);
  void peer_load(net::Exchange& exchange);
  void replica_figures(net::Exchange& exchange);
  void log_request(net::Exchange& exchange);
  void log_body(net::Exchange& exchange, std::string_view piece);
  void log_end(net::Exchange& exchange);
  std::optional<Problem> logs_stay(const net::Exchange& exchange, const AppKey& key) const;
  bool is_peer(const net::Exchange& exchange) const;
  /// As sent to peers; empty where certificates say who is one.
  std::string peer_secret() const { return config.peer_tls.client ? "" : config.peer_secret; }
  /// The tenant's identity; else the exchange is answered with 401 or 403.
  const api::Identity* tenant_of(net::Exchange& exchange);
  std::optional<DeviceLocation> locate(const net::Exchange& exchange) const;
  ProxiedRequest& request();
  void measure();
  /// Every refusal that is made right here is seen, too: within this class, this is the one that is called.
  void reply_problem(net::Exchange& exchange, const Problem& problem);

  net::Reactor& reactor;
  GatewayConfig config;
  const ports::CoreNetwork& core;
  Registry& registry;
  RequestMetrics metrics;
  Observer observer;
  MeterMemory own_usage_memory;
  Meter meter;
  uint64_t unmetered_told = 0;
  Dispatcher dispatcher;
  LocalEndpoints endpoints;
  std::set<std::string, std::less<>> revoked_keys;  // of sites
  Callers callers;
  api::IssuerClock issuer_clock;
  Limits limits;
  ConnectionMetrics connection_metrics;
  std::vector<std::unique_ptr<ProxiedRequest>> requests;
  std::vector<ProxiedRequest*> spare;
  net::WorkList<ProxiedRequest> closing;  // over, but perhaps still on the stack
  net::TimerId timer = 0;
  std::vector<std::pair<uint64_t, net::Exchange*>> asking;  // for the figures of replicas
  uint64_t last_asking = 0;
  struct LogRequest {
    uint64_t ticket = 0;
    net::Exchange* exchange = nullptr;
    LogCall call;
  };
  std::vector<LogRequest> log_requests;  // that are not answered
  uint64_t ejections_told = 0;
  // Ended first, in this order from the last: the server closes its exchanges, which cancels their calls.
  net::Client client;
  Peers peers;
  RequestParts parts;
  net::Server server;
};

}  // namespace barrio::gateway
