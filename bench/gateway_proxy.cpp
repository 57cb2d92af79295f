// The gateway that bench/gateway measures: identity, policy, routing over 100 sites x 1000 apps, flows and metrics, as
// in `barrio site serve`, with the bench's origin in the place of a replica. Prints its port and a tenant's token as
// JSON, then serves until its standard input ends.

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "adapters/fake_core/fake_core_network.h"
#include "api/oauth/token.h"
#include "base/text.h"
#include "gateway/gateway.h"
#include "net/listener.h"
#include "net/thread_priority.h"
#include "net/tls.h"

namespace barrio {
namespace {

constexpr size_t site_count = 100;
constexpr size_t app_count = 1000;

std::shared_ptr<Snapshot> network(const Es256Key& key) {
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->version = 1;
  snapshot->network.paths = {
      .fibre_per_km = 4900ns, .stretch = 1.5, .access_fibre = 2ms, .access_5g = 10ms, .assumptions = {}};
  for (size_t i = 0; i < site_count; ++i) {
    Site site;
    site.id = SiteId::of("site" + std::to_string(i));
    site.owner = OperatorId::of("operator");
    site.jurisdiction = *Jurisdiction::parse("ES");
    site.location = {36.0 + 0.07 * static_cast<double>(i), -4};
    site.status = SiteStatus::active;
    snapshot->network.sites.push_back(std::move(site));
  }
  for (size_t i = 0; i < app_count; ++i) {
    App app;
    app.tenant = TenantId::of("tenant" + std::to_string(i % 50));
    app.spec.name = AppName::of("app" + std::to_string(i));
    app.spec.objective = {.latency = 5s, .percentile = 99};
    app.spec.policy.jurisdictions = {*Jurisdiction::parse("ES")};
    snapshot->apps.push_back(std::move(app));
  }
  // Limits are held but not reached.
  snapshot->quotas["tenant0"] = {.requests_per_second = 1'000'000, .burst = 1'000'000, .in_flight = 100'000};
  snapshot->keys = {api::verifying_key(key)};
  return snapshot;
}

/// Of a listener that is gone again: the gateway does not tell which port its TLS got.
uint16_t free_port() {
  net::Reactor reactor;
  net::Listener listener(reactor, [](int, const net::SocketAddress&) {});
  return listener.open(*net::SocketAddress::parse("127.0.0.1:0"))->port();
}

class EndOfInput final : public net::IoHandler {
 public:
  explicit EndOfInput(net::Reactor& reactor) : reactor_(reactor) { reactor_.watch(STDIN_FILENO, 1U, *this); }
  void on_io(uint32_t) override {
    char ignored[64];
    if (::read(STDIN_FILENO, ignored, sizeof(ignored)) <= 0) reactor_.stop();
  }

 private:
  net::Reactor& reactor_;
};

int run(const std::string& replica, const net::TlsFiles& files, Duration busy_poll) {
  auto key = Es256Key::generate();
  net::Reactor reactor;
  reactor.set_busy_poll(busy_poll);
  Registry registry;
  const adapters::FakeCoreNetwork core;
  auto tls = net::TlsServer::load({.certificates = {files}});
  const auto tls_address = net::SocketAddress::parse("127.0.0.1:" + std::to_string(free_port()));
  if (!tls) {
    std::fprintf(stderr, "bench_gateway_proxy: %s\n", tls.error().text().c_str());
    return 1;
  }
  gateway::Gateway gateway(reactor,
                           {.site = SiteId::of("site0"),
                            .listen = *net::SocketAddress::parse("127.0.0.1:0"),
                            .tls = *tls,
                            .tls_listen = *tls_address},
                           core, registry);
  const auto address = gateway.start();
  if (!key || !address) {
    std::fprintf(stderr, "bench_gateway_proxy: %s\n", address ? "no key" : address.error().text().c_str());
    return 1;
  }
  const auto snapshot = network(*key);
  const AppKey app = snapshot->apps.front().key();
  ports::WorkloadStatus workload;
  workload.app = app;
  workload.report.id = ReplicaId::of("bench");
  workload.report.phase = ReplicaPhase::ready;
  workload.endpoint = replica;
  gateway.set_snapshot(snapshot);
  gateway.set_local({workload});
  const WallTime now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  const std::string token = api::issue_token(*key, snapshot->keys.front().kid,
                                             {.subject = app.tenant.str(),
                                              .role = std::string(api::role::tenant),
                                              .scopes = {std::string(api::scope::infer)},
                                              .expires = now + 1h},
                                             now);
  std::printf(
      "%s\n",
      print_json(JsonObject{{"port", address->port()}, {"tls_port", tls_address->port()}, {"token", token}}).c_str());
  std::fflush(stdout);
  const EndOfInput end(reactor);
  net::carry_requests();
  reactor.run();
  return 0;
}

}  // namespace
}  // namespace barrio

int main(int argc, char** argv) {
  const auto busy_us = argc == 5 ? barrio::parse_uint(argv[4]) : std::optional<uint64_t>(0);
  if ((argc != 4 && argc != 5) || !busy_us) {
    std::fprintf(stderr,
                 "usage: bench_gateway_proxy REPLICA CHAIN KEY [BUSY_US]   (REPLICA: 127.0.0.1:PORT or unix:PATH)\n");
    return 2;
  }
  return barrio::run(argv[1], {argv[2], argv[3]}, std::chrono::microseconds(*busy_us));
}
