// The engine under a gateway, end to end: clients, a gateway (token, policy, limits, routing, meter, metrics; a site of
// its own) and an engine with an emulated device (adapters/profile) behind a Unix socket, each on a thread of its own.
// Every round sends the same arrivals twice, through the gateway and straight to the engine, which goes first in turns;
// each round draws its own. Open loop, client's clock: engine_load.h. Prints one JSON object.
//
//   bench_engine_gateway SECONDS ROUNDS SEED

#include <unistd.h>

#include <cstdio>

#include "adapters/profile/profile_backend.h"
#include "api/oauth/token.h"
#include "base/check.h"
#include "base/log.h"
#include "base/text.h"
#include "decide/routing/world_test.h"  // the network of one site that the tests use
#include "engine_load.h"
#include "engine_thread.h"
#include "engine_world.h"
#include "gateway/deadlines.h"
#include "gateway/gateway.h"
#include "net/thread_priority.h"
#include "report.h"

namespace barrio::bench {
namespace {

class NoDevices final : public ports::CoreNetwork {
 public:
  Result<DeviceLocation> locate(std::string_view) const override { return fail(Code::not_found, "no such device"); }
};

std::string token_signed_by(const Es256Key& key) {
  const WallTime now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  return api::issue_token(key, api::verifying_key(key).kid,
                          {.subject = "acme",
                           .role = std::string(api::role::tenant),
                           .scopes = {std::string(api::scope::infer)},
                           .expires = now + 24h},
                          now);
}

/// The gateway of a site whose replicas are one engine: an app for each of the scenario's models.
class GatewayThread {
 public:
  GatewayThread(const Scenario& scenario, const net::SocketAddress& replica) {
    std::promise<Target> ready;
    auto target = ready.get_future();
    thread_ = std::thread([&, this] { run(scenario, replica, ready); });
    target_ = target.get();
  }
  ~GatewayThread() {
    reactor_->stop();
    thread_.join();
  }
  GatewayThread(const GatewayThread&) = delete;
  GatewayThread& operator=(const GatewayThread&) = delete;

  const Target& target() const { return target_; }

 private:
  static std::shared_ptr<Snapshot> network(const Scenario& scenario, const Es256Key& key) {
    std::vector<App> apps;
    for (const ModelLoad& model : scenario.models) {
      apps.push_back(decide::test::app_named(model.name));
      apps.back().spec.objective.latency = model.deadline;
    }
    auto snapshot = decide::test::snapshot_of({decide::test::site_at(site, -2.9)}, std::move(apps));
    // Limits are held but not reached.
    snapshot->quotas["acme"] = {.requests_per_second = 1'000'000, .burst = 1'000'000, .in_flight = 100'000};
    snapshot->keys = {api::verifying_key(key)};
    return snapshot;
  }

  void run(const Scenario& scenario, const net::SocketAddress& replica, std::promise<Target>& ready) {
    const auto key = Es256Key::generate();
    CHECK(key.has_value());
    net::Reactor reactor;
    reactor_ = &reactor;
    Registry registry;
    const NoDevices core;
    gateway::Gateway gateway(reactor, {.site = SiteId::of(site), .listen = *net::SocketAddress::parse("127.0.0.1:0")},
                             core, registry);
    const auto address = gateway.start();
    CHECK(address.has_value());
    const auto snapshot = network(scenario, *key);
    std::vector<ports::WorkloadStatus> workloads;
    for (const App& app : snapshot->apps) {
      ports::WorkloadStatus workload;
      workload.app = app.key();
      workload.report.id = replica_id(app.key(), SiteId::of(site), 0);
      workload.report.phase = ReplicaPhase::ready;
      workload.endpoint = replica.str();
      workloads.push_back(std::move(workload));
    }
    gateway.set_local(std::move(workloads));
    gateway.set_snapshot(snapshot);
    net::carry_requests();
    // After what was just set.
    reactor.post([&] {
      ready.set_value({.address = *address, .time_field = gateway::timeout_header, .token = token_signed_by(*key)});
    });
    reactor.run();
  }

  static constexpr const char* site = "bio1";
  net::Reactor* reactor_ = nullptr;
  Target target_;
  std::thread thread_;
};

struct Options {
  Duration seconds{};
  uint64_t rounds = 1;
  uint64_t seed = 1;
};

class Bench {
 public:
  explicit Bench(Options options) : options_(options) {}

  JsonArray run() {
    const Duration time = options_.seconds;
    measure(one_device("poisson_25ms", 25ms, 1, Gaps::poisson, time));
    measure(one_device("cv4_25ms", 25ms, 1, Gaps::cv4, time));
    measure(one_device("poisson_15ms", 15ms, 1, Gaps::poisson, time));
    measure(one_device("overload_3u", 25ms, 3, Gaps::poisson, time));
    Scenario two = two_models(time);
    two.name = "two_models";
    measure(two);
    return std::move(results_);
  }

 private:
  void measure(const Scenario& scenario) {
    adapters::ProfileBackend backend;
    const std::string path = "/tmp/barrio-engine-gateway-" + std::to_string(::getpid());
    const EngineThread engine(emulated(scenario, "unix:" + path), {{"profile", &backend}});
    const GatewayThread gateway(scenario, engine.address());
    const Target direct{.address = engine.address()};
    Seen through;
    Seen straight;
    std::vector<double> ratios;
    double best = 0;
    for (uint64_t round = 0; round < options_.rounds; ++round) {
      const auto drawn = *arrivals(scenario, options_.seed + round, "");
      if (scenario.models.size() == 1) best += static_cast<double>(clairvoyant_optimum(scenario.models[0], drawn));
      const auto ask = [&](Seen& all, const Target& target) {
        const Seen seen = send_all(scenario, drawn, target);
        all.add(seen);
        return seen.share();
      };
      const bool gateway_first = round % 2 == 0;
      double gateways = gateway_first ? ask(through, gateway.target()) : 0;
      const double directs = ask(straight, direct);
      if (!gateway_first) gateways = ask(through, gateway.target());
      ratios.push_back(gateways / directs);
    }
    results_.push_back(figure(scenario.name + "_gateway_of_direct", percentile(ratios, 0.5), "ratio", "higher",
                              "the same arrivals sent to the engine, same round; the median"));
    report(scenario, "gateway", through, best);
    report(scenario, "direct", straight, best);
    ::unlink(path.c_str());
  }

  void report(const Scenario& scenario, const std::string& way, const Seen& seen, double best) {
    const std::string name = scenario.name + "_" + way + "_";
    const auto share = [](uint64_t of, double all) { return static_cast<double>(of) / all; };
    if (scenario.models.size() == 1)
      results_.push_back(figure(name + "of_optimum", share(seen.on_time[0], best), "share", "higher"));
    for (size_t i = 0; i < scenario.models.size(); ++i) {
      const std::string of = scenario.models.size() == 1 ? "" : scenario.models[i].name + "_";
      const double on_time = share(seen.on_time[i], static_cast<double>(seen.offered[i]));
      results_.push_back(figure(name + of + "on_time", on_time, "share", "higher"));
    }
    results_.push_back(figure(name + "refused_p99", percentile(seen.refused_ms, 0.99), "ms", "lower"));
    const auto count = [&](const char* what, size_t requests) {
      results_.push_back(figure(name + what, static_cast<double>(requests), "requests", "lower"));
    };
    count("refused", seen.refused_ms.size());
    count("given_up", seen.given_up);
    count("late", seen.late);
    count("failed", seen.failed);
  }

  Options options_;
  JsonArray results_;
};

}  // namespace
}  // namespace barrio::bench

int main(int argc, char** argv) {
  using namespace barrio;
  configure_log("bench", LogLevel::warning, "");
  const auto number = [&](int at) { return argc > at ? parse_uint(argv[at]).value_or(0) : 0; };
  if (argc != 4 || number(1) == 0 || number(2) == 0) {
    std::fprintf(stderr, "usage: bench_engine_gateway SECONDS ROUNDS SEED\n");
    return 2;
  }
  const bench::Options options{.seconds = std::chrono::seconds(number(1)), .rounds = number(2), .seed = number(3)};
  JsonArray results = bench::Bench(options).run();
  bench::print_report("engine-gateway", {{"seconds", number(1)}, {"rounds", options.rounds}, {"seed", options.seed}},
                      std::move(results));
  return 0;
}
