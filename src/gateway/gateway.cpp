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
  net::InheritedSockets* inherited = config.inherited.get();
  if (config.tls) {
    TRY(const auto bound, state_->server.listen(config.tls_listen, config.tls, net::InClear::refused, inherited));
    log_info("serving clients with TLS", {{"tls_address", bound.str()}});
  }
  return state_->server.listen(config.listen, config.peer_tls.server, net::InClear::accepted, inherited);
}

void Gateway::hold() {
  state_->server.hold();
}

void Gateway::accept() {
  state_->server.accept();
}

std::vector<int> Gateway::share_listeners() {
  return state_->server.share_listeners();
}

void Gateway::drain(Duration idle) {
  state_->server.drain(idle);
}

size_t Gateway::connections() const {
  return state_->server.connections();
}

void Gateway::set_snapshot(std::shared_ptr<const Snapshot> snapshot) {
  state_->reactor.post([weak = std::weak_ptr(state_), snapshot = std::move(snapshot)] {
    const auto state = weak.lock();
    if (!state) return;
    state->callers.set_snapshot(*snapshot);
    state->revoked_keys = {snapshot->revoked_keys.begin(), snapshot->revoked_keys.end()};
    if (state->config.peer_tls.client) state->config.peer_tls.client->refuse_keys(state->revoked_keys);
    state->limits.set_snapshot(*snapshot);
    state->dispatcher.set_snapshot(snapshot, state->reactor.now());
    state->peers.set_snapshot(*snapshot);
  });
}

void Gateway::set_local(std::vector<ports::WorkloadStatus> statuses) {
  state_->reactor.post([weak = std::weak_ptr(state_), statuses = std::move(statuses)] {
    if (const auto state = weak.lock()) state->dispatcher.set_local(statuses, state->reactor.now());
  });
}

void Gateway::hear_control_time(WallTime time) {
  state_->issuer_clock.hear(time, state_->reactor.fresh_now());
}

std::vector<Flow> Gateway::flows() const {
  return state_->dispatcher.flows(state_->reactor.now());
}

size_t Gateway::open_requests() const {
  return state_->dispatcher.open_requests();
}

size_t Gateway::in_flight(const ReplicaId& replica) const {
  return state_->dispatcher.in_flight(replica);
}

bool Gateway::served_elsewhere(const AppKey& app) const {
  return state_->dispatcher.served_elsewhere(app, state_->reactor.now());
}

std::vector<UsageRecord> Gateway::cut_usage(std::span<const JournaledPeriod> journaled) {
  const Meter& meter = state_->meter;
  return state_->meter.cut(journaled_of(meter.id(), journaled), state_->config.wall());
}

void Gateway::show_counted(std::span<const UsageRecord> records) {
  for (const UsageRecord& record : records) state_->metrics.counted(record);
}

size_t usage_memory_bytes() {
  return Meter::memory_bytes();
}

namespace {

/// As many connections to one replica or gateway as one worker can have requests for it; an idle one is worth keeping,
/// since making it anew costs more than the request.
net::ClientLimits upstream_limits() {
  net::ClientLimits limits;
  limits.connections_per_address = 4096;
  limits.idle_per_address = 1024;
  return limits;
}

GatewayConfig with_defaults(GatewayConfig config) {
  config.limits.body_bytes = UINT64_MAX;  // bodies have the limits of tenants and apps, and their words for it
  if (config.wall) return config;
  config.wall = [] { return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()); };
  return config;
}

}  // namespace

Gateway::State::State(net::Reactor& loop, GatewayConfig settings, const ports::CoreNetwork& core_network,
                      Registry& metrics_registry)
    : reactor(loop),
      config(with_defaults(std::move(settings))),
      core(core_network),
      registry(metrics_registry),
      metrics(registry, config.site),
      observer({.site = config.site,
                .access_log = config.access_log,
                .tracing = config.tracing,
                .seed = mix(config.seed, 3)},
               registry),
      own_usage_memory(config.usage_memory.empty() ? usage_memory_bytes() : 0),
      meter(config.usage_memory.empty() ? own_usage_memory.bytes() : config.usage_memory,
            static_cast<int64_t>(mix(config.seed, 4) >> 1 | 1), config.wall()),
      dispatcher(config.site, config.seed),
      limits(config.policy, registry, config.site, config.wall),
      connection_metrics(registry, config.site),
      closing(loop, [this](ProxiedRequest& over) { spare.push_back(&over); }),
      client(loop, upstream_limits()),
      peers(loop, client, dispatcher,
            {.self = config.site,
             .addresses = config.peers,
             .secret = peer_secret(),
             .tls = config.peer_tls.client,
             .seed = mix(config.seed, 2)}),
      parts{loop,  client,   dispatcher, peers,       limits,        metrics,
            meter, observer, endpoints,  config.site, peer_secret(), config.sign_receipt},
      server(loop, config.limits, *this) {}

Gateway::State::~State() {
  reactor.cancel(timer);
}

void Gateway::State::tick() {
  dispatcher.tick(reactor.now());
  limits.tick();
  measure();
  timer = reactor.call_after(1s, [this] { tick(); });
}

void Gateway::State::measure() {
  metrics.peers_up.set(static_cast<double>(peers.up()));
  metrics.connections.set(static_cast<double>(server.connections()));
  connection_metrics.tell(server);
  metrics.open_requests.set(static_cast<double>(dispatcher.open_requests()));
  metrics.loop_turn.observe(reactor.take_longest_turn());
  metrics.unmetered.add(meter.unmetered() - std::exchange(unmetered_told, meter.unmetered()));
  const uint64_t ejections = dispatcher.ejections();
  metrics.ejections.add(ejections - std::exchange(ejections_told, ejections));
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

void Gateway::State::on_body(net::Exchange& exchange, std::string_view piece) {
  if (exchange.context == nullptr) return log_body(exchange, piece);
  static_cast<ProxiedRequest*>(exchange.context)->on_device_body(piece);
}

void Gateway::State::on_trailers(net::Exchange& exchange, std::span<const net::Header> trailers) {
  if (exchange.context != nullptr) static_cast<ProxiedRequest*>(exchange.context)->on_device_trailers(trailers);
}

void Gateway::State::on_tunnel_end(net::Exchange& exchange) {
  if (exchange.context != nullptr) static_cast<ProxiedRequest*>(exchange.context)->on_device_tunnel_end();
}

void Gateway::State::on_end(net::Exchange& exchange) {
  if (exchange.context == nullptr) return log_end(exchange);
  static_cast<ProxiedRequest*>(exchange.context)->on_device_end();
}

void Gateway::State::on_writable(net::Exchange& exchange) {
  if (exchange.context != nullptr) static_cast<ProxiedRequest*>(exchange.context)->on_device_writable();
}

void Gateway::State::on_closed(net::Exchange& exchange, bool) {
  std::erase_if(asking, [&](const auto& one) { return one.second == &exchange; });
  std::erase_if(log_requests, [&](const auto& one) { return one.exchange == &exchange; });
  if (exchange.context == nullptr) return;
  auto* over = static_cast<ProxiedRequest*>(exchange.context);
  exchange.context = nullptr;
  over->on_device_closed();
  closing.add(*over);
}

}  // namespace barrio::gateway
