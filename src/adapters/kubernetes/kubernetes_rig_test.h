#pragma once
// A cluster, a registry, an app behind the cluster's addresses, and the loop that all of them live on.

#include <filesystem>

#include "adapters/kubernetes/fake_cluster_test.h"
#include "adapters/kubernetes/fake_registry_test.h"
#include "adapters/kubernetes/kubernetes_runtime.h"
#include "adapters/reactor_runtime/reactor_runtime.h"
#include "adapters/reactor_runtime/stream_call.h"
#include "ports/workload_runtime_contract.h"

namespace barrio::adapters::kubernetes {

class KubernetesRig {
 public:
  KubernetesRig() {
    const auto bound = app_.listen(*net::SocketAddress::parse("127.0.0.1:0"));
    REQUIRE(bound);
    port = bound->port();
  }

  /// Runs `body` in a fiber and the reactor until it has ended.
  void run(std::function<void()> body) {
    runtime.spawn("test", [&, body = std::move(body)] {
      body();
      reactor.stop();
    });
    reactor.run();
    runtime.begin_stop();
    // Nothing waits for the cluster longer than the process does.
    reactor.call_after(300ms, [this] { reactor.stop(); });
    reactor.run();
    CHECK(runtime.fibers() == 0);
    CHECK_MESSAGE(cluster.refused.empty(), cluster.refused.front());
  }

  Fetch fetcher() {
    return [this](const net::Endpoint& endpoint, net::Request request, Time deadline) {
      return fetch(runtime, client, endpoint, std::move(request), deadline);
    };
  }
  std::unique_ptr<KubernetesWorkloadRuntime> workloads() {
    KubernetesWorkloadRuntime::Calls calls{
        .api = fetcher(),
        .watch =
            [this](const net::Endpoint& endpoint, net::Request request, Time deadline, TakePiece take) {
              return stream(runtime, client, endpoint, std::move(request), deadline, std::move(take));
            },
        .registry = fetcher(),
        .probe = fetcher()};
    return std::make_unique<KubernetesWorkloadRuntime>(runtime, std::move(calls), config());
  }
  KubernetesConfig config() const {
    return {.api = {.server = cluster.endpoint,
                    .token_file = cluster.files.path("token"),
                    .call_within = 1s,
                    .patience = 3s},
            .plan = {.site = "mad1", .namespace_prefix = "barrio", .gateway = {"10.0.1.1/32"}, .node_selector = {}},
            .registry = {.endpoint = registry.endpoint, .pulled_as = "10.0.1.5:5000"},
            .watch = {.retry = {.first = 20ms, .longest = 100ms, .healthy_after = 1s}, .longest_event = 64 * 1024},
            .retry = {.first = 50ms, .longest = 200ms, .healthy_after = 60s},
            .look_every = 100ms,
            .reach_every = 20ms,
            .tidy_every = 20ms,
            .apply_every = apply_every,
            .unseen_after = 300ms,
            .retire = {.shortest = 20ms, .longest = 100ms}};
  }

  ports::WorkloadSpec spec(const std::string& id, int64_t generation, const std::string& version = "1") {
    const ImageArchive archive(version);
    const std::string path = cluster.files.path("image-" + version + ".tar");
    // Not once more: it may be read meanwhile.
    if (!std::filesystem::exists(path)) cluster.files.write("image-" + version + ".tar", archive.bytes);
    ContainerSpec container;
    container.image = *ImageReference::parse("hello@sha256:" + archive.digest);
    container.sha256 = sha256_hex(archive.bytes);
    container.signed_by = key.public_key();
    container.signature = base64url(key.sign(container.image.signed_text()));
    container.port = port;
    container.ready = HealthCheck{.path = "/ready", .every = 1s, .timeout = 1s, .failures = 2};
    ReplicaOrder order;
    order.id = ReplicaId::of(id);
    order.app = {TenantId::of("acme"), AppName::of("hello")};
    order.generation = generation;
    order.model.backend = Backend::none;
    order.resources = {.power = Watts(5), .memory = mib(64), .cores = 0.5, .accelerator = "", .accelerators = 0};
    order.container = std::move(container);
    return {std::move(order), path};
  }

  /// Waits up to ten seconds.
  bool until(const std::function<bool()>& holds) {
    for (const Time latest = runtime.now() + 10s; runtime.now() < latest; runtime.sleep_for(5ms)) {
      if (holds()) return true;
    }
    return false;
  }

  net::Reactor reactor;
  ReactorRuntime runtime{reactor};
  net::Client client{reactor, {}};
  FakeCluster cluster{reactor};
  FakeRegistry registry{reactor};
  Ed25519Key key = *Ed25519Key::generate();
  int port = 0;
  Duration apply_every = 300s;
  int app_status = 200;  // of what the app answers
  size_t app_asked = 0;

 private:
  net::MessageServer app_{reactor, {}, [this](const net::Request&, net::Responder answer) {
                            ++app_asked;
                            answer({app_status, {}, "hello"});
                          }};
};

/// One site's process with its runtime.
class KubernetesContract final : public ports::WorkloadRig {
 public:
  explicit KubernetesContract(KubernetesRig& rig) : rig_(rig), workloads_(rig.workloads()) {}
  ports::Runtime& loop() override { return rig_.runtime; }
  KubernetesWorkloadRuntime& workloads() override { return *workloads_; }
  ports::WorkloadSpec spec(const ReplicaId& id, int64_t generation) override {
    return rig_.spec(id.str(), generation, version);
  }
  void kill(const ReplicaId& id) override {
    const auto status = ports::status_of(*this, id);
    REQUIRE(status);
    rig_.cluster.kill(rig_.cluster.pod_like(object_name(id, status->report.generation)));
  }
  std::string detail(const ReplicaId& id) {
    const auto status = ports::status_of(*this, id);
    return status ? status->report.detail : "not listed";
  }
  bool says(const ReplicaId& id, const std::string& text) {
    return rig_.until([&] { return detail(id).find(text) != std::string::npos; });
  }
  ReplicaPhase phase(const ReplicaId& id) { return ports::status_of(*this, id)->report.phase; }
  std::string version = "1";

 private:
  KubernetesRig& rig_;
  std::unique_ptr<KubernetesWorkloadRuntime> workloads_;
};

}  // namespace barrio::adapters::kubernetes
