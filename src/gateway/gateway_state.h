#pragma once
// The parts of a Gateway, and what it does with a request before it is proxied. Private to gateway/.

#include "gateway/gateway.h"
#include "gateway/peers.h"
#include "gateway/proxied_request.h"
#include "gateway/request_metrics.h"
#include "gateway/token_cache.h"

namespace barrio::gateway {

struct Gateway::State final : net::ExchangeHandler {
  State(net::Reactor& loop, GatewayConfig settings, const ports::CoreNetwork& core_network, Registry& metrics_registry);
  ~State();

  void on_head(net::Exchange& exchange) override;
  void on_body(net::Exchange& exchange, std::string_view piece) override;
  void on_end(net::Exchange& exchange) override;
  void on_writable(net::Exchange& exchange) override;
  void on_closed(net::Exchange& exchange, bool aborted) override;

  void tick();
  void model_request(net::Exchange& exchange);
  void discovery(net::Exchange& exchange);
  void peer_load(net::Exchange& exchange);
  bool is_peer(const net::Exchange& exchange) const;
  /// As sent to peers; empty where certificates say who is one.
  std::string peer_secret() const { return config.peer_tls.client ? "" : config.peer_secret; }
  /// The tenant's identity; else the exchange is answered with 401 or 403.
  const api::Identity* tenant_of(net::Exchange& exchange);
  std::optional<DeviceLocation> locate(const net::Exchange& exchange) const;
  ProxiedRequest& request();
  void reclaim();

  net::Reactor& reactor;
  GatewayConfig config;
  const ports::CoreNetwork& core;
  Registry& registry;
  RequestMetrics metrics;
  Dispatcher dispatcher;
  TokenCache tokens;
  std::vector<std::unique_ptr<ProxiedRequest>> requests;
  std::vector<ProxiedRequest*> spare;
  std::vector<ProxiedRequest*> closing;  // over, but perhaps still on the stack
  net::TimerId timer = 0;
  net::TimerId reclaim_timer = 0;
  bool ending = false;
  // Ended first, in this order from the last: the server closes its exchanges, which cancels their calls.
  net::Client client;
  Peers peers;
  RequestParts parts;
  net::Server server;
};

}  // namespace barrio::gateway
