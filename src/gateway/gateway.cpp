#include "gateway/gateway.h"

#include "base/log.h"
#include "gateway/gateway_state.h"

namespace barrio::gateway {

Gateway::Gateway(net::Reactor& reactor, GatewayConfig config, const ports::CoreNetwork& core, Registry& registry)
    : state_(std::make_shared<State>(reactor, std::move(config), core, registry)) {}

Gateway::~Gateway() = default;

Result<net::SocketAddress> Gateway::start() {
  state_->tick();
  const GatewayConfig& config = state_->config;
  if (config.tls) {
    TRY(const auto bound, state_->server.listen(config.tls_listen, config.tls));
    log_info("serving clients with TLS", {{"tls_address", bound.str()}});
  }
  return state_->server.listen(config.listen, config.peer_tls.server, net::InClear::accepted);
}

void Gateway::set_snapshot(std::shared_ptr<const Snapshot> snapshot) {
  state_->reactor.post([weak = std::weak_ptr(state_), snapshot = std::move(snapshot)] {
    const auto state = weak.lock();
    if (!state) return;
    state->tokens.set_keys(snapshot->keys);
    state->dispatcher.set_snapshot(snapshot, state->reactor.now());
    state->peers.set_snapshot(*snapshot);
  });
}

void Gateway::set_local(std::vector<ports::WorkloadStatus> statuses) {
  state_->reactor.post([weak = std::weak_ptr(state_), statuses = std::move(statuses)] {
    if (const auto state = weak.lock()) state->dispatcher.set_local(statuses, state->reactor.now());
  });
}

std::vector<Flow> Gateway::flows() const {
  return state_->dispatcher.flows(state_->reactor.now());
}

Gateway::State::State(net::Reactor& loop, GatewayConfig settings, const ports::CoreNetwork& core_network,
                      Registry& metrics_registry)
    : reactor(loop),
      config(std::move(settings)),
      core(core_network),
      registry(metrics_registry),
      metrics(registry),
      dispatcher(config.site, config.seed),
      client(loop, {}),
      peers(loop, client, dispatcher,
            {.self = config.site,
             .addresses = config.peers,
             .secret = peer_secret(),
             .tls = config.peer_tls.client,
             .seed = mix(config.seed, 2)}),
      parts{loop, client, dispatcher, peers, metrics, config.site, peer_secret()},
      server(loop, config.limits, *this) {
  if (!config.wall) {
    config.wall = [] { return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()); };
  }
}

Gateway::State::~State() {
  reactor.cancel(timer);
}

void Gateway::State::tick() {
  dispatcher.tick(reactor.now());
  metrics.peers_up.set(static_cast<double>(peers.up()));
  timer = reactor.call_after(1s, [this] { tick(); });
}

ProxiedRequest& Gateway::State::request() {
  if (spare.empty()) {
    requests.push_back(std::make_unique<ProxiedRequest>(parts));
    return *requests.back();
  }
  ProxiedRequest* reused = spare.back();
  spare.pop_back();
  return *reused;
}

void Gateway::State::reclaim() {
  reclaim_timer = 0;
  spare.insert(spare.end(), closing.begin(), closing.end());
  closing.clear();
}

void Gateway::State::on_body(net::Exchange& exchange, std::string_view piece) {
  if (exchange.context != nullptr) static_cast<ProxiedRequest*>(exchange.context)->on_device_body(piece);
}

void Gateway::State::on_end(net::Exchange& exchange) {
  if (exchange.context != nullptr) static_cast<ProxiedRequest*>(exchange.context)->on_device_end();
}

void Gateway::State::on_writable(net::Exchange& exchange) {
  if (exchange.context != nullptr) static_cast<ProxiedRequest*>(exchange.context)->on_device_writable();
}

void Gateway::State::on_closed(net::Exchange& exchange, bool) {
  if (exchange.context == nullptr) return;
  auto* over = static_cast<ProxiedRequest*>(exchange.context);
  exchange.context = nullptr;
  over->on_device_closed();
  closing.push_back(over);
  if (closing.size() == 1 && !ending) reclaim_timer = reactor.call_after(Duration::zero(), [this] { reclaim(); });
}

}  // namespace barrio::gateway
