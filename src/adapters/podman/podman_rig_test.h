#pragma once
// A podman of the test's own, with its images and containers in a temporary folder; skips where podman does not work.

#include <doctest/doctest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "adapters/podman/podman_runtime.h"
#include "adapters/podman/specification.h"
#include "adapters/reactor_runtime/reactor_runtime.h"
#include "base/crypto.h"
#include "base/text.h"
#include "net/child_process.h"

namespace barrio::adapters {

class PodmanRig {
 public:
  PodmanRig() {
    char name[] = "/tmp/barrio-podman-XXXXXX";
    folder = mkdtemp(name);
    socket = *net::SocketAddress::parse("unix:" + folder + "/podman.sock");
  }
  PodmanRig(const PodmanRig&) = delete;
  PodmanRig& operator=(const PodmanRig&) = delete;
  ~PodmanRig() {
    shell(podman() + " rm --all --force --time 0 >/dev/null 2>&1");
    service_.reset();
    shell(podman() + " unshare true >/dev/null 2>&1; umount -l " + folder + "/root/overlay >/dev/null 2>&1");
    std::error_code gone;
    std::filesystem::remove_all(folder, gone);
  }

  /// False, with a message: it cannot be used here.
  bool start() {
    if (geteuid() != 0 || !shell("command -v podman runc busybox >/dev/null")) {
      MESSAGE("SKIPPED: needs root, podman, runc and busybox-static");
      return false;
    }
    auto child = net::ChildProcess::start(
        {.arguments = {"/usr/bin/podman", "--root", folder + "/root", "--runroot", folder + "/run", "--runtime", "runc",
                       "system", "service", "--time", "0", "unix://" + folder + "/podman.sock"},
         .log_file = folder + "/podman.log"});
    REQUIRE(child);
    service_.emplace(std::move(*child));
    bool up = false;
    run([&] {
      for (int i = 0; i < 100 && !up; ++i) {
        up = api().host().has_value();
        if (!up) runtime.sleep_for(50ms);
      }
    });
    if (!up) MESSAGE("SKIPPED: podman's service does not start here");
    return up;
  }

  /// Runs `body` in a fiber and the reactor until it has ended.
  void run(std::function<void()> body) {
    runtime.spawn("test", [&, body = std::move(body)] {
      body();
      reactor.stop();
    });
    reactor.run();
  }

  static bool shell(const std::string& command) { return std::system(command.c_str()) == 0; }
  std::string podman() const { return "podman --root " + folder + "/root --runroot " + folder + "/run --runtime runc"; }

  PodmanApi api() { return {runtime, fetcher(), socket}; }
  FetchPodman fetcher() {
    return [this](const net::SocketAddress& address, net::Request request, Time deadline) {
      return fetch(runtime, client, address, std::move(request), deadline);
    };
  }
  PodmanConfig config() const {
    return {.socket = socket,
            .site = "mad1",
            .times = {.restart = {.first = 100ms, .longest = 1s, .healthy_after = 60s},
                      .look_every = 50ms,
                      .ready_period = 20ms,
                      .retire = {.shortest = 50ms, .longest = 200ms}},
            .discover_every = 100ms,
            .stop_grace = 1s};
  }

  /// Version 1, 2 or "bad" of examples/container, signed; the archive is made once.
  ports::WorkloadSpec spec(const std::string& id, int64_t generation, const std::string& version = "1") {
    const std::string archive = folder + "/hello-" + version + ".tar";
    if (!std::filesystem::exists(archive))
      REQUIRE(shell(std::string(BARRIO_SOURCE_DIR) + "/examples/container/image.sh " + folder + " " + version));
    std::ostringstream content;
    content << std::ifstream(archive, std::ios::binary).rdbuf();
    const std::string bytes = content.str();
    const size_t at = bytes.find("\"digest\":\"sha256:", bytes.find("index.json"));
    ContainerSpec container;
    container.image = *ImageReference::parse("hello@" + bytes.substr(at + 10, 71));
    container.sha256 = sha256_hex(bytes);
    container.signed_by = key.public_key();
    container.signature = base64url(key.sign(container.image.signed_text()));
    container.ready = HealthCheck{.path = "/ready", .every = 200ms, .timeout = 1s, .failures = 2};
    container.processes = 32;
    ReplicaOrder order;
    order.id = ReplicaId::of(id);
    order.app = {TenantId::of("acme"), AppName::of("hello")};
    order.generation = generation;
    order.model.backend = Backend::none;
    order.resources = {.power = Watts(5), .memory = mib(64), .cores = 0.5, .accelerator = "", .accelerators = 0};
    order.container = std::move(container);
    return {std::move(order), archive};
  }

  Result<net::Response> ask(const std::string& endpoint, const std::string& target) {
    TRY(auto address, net::SocketAddress::parse(endpoint));
    return fetch(runtime, client, address, {.target = target}, runtime.now() + 10s);
  }

  std::string folder;
  net::SocketAddress socket;
  net::Reactor reactor;
  ReactorRuntime runtime{reactor};
  net::Client client{reactor, {}};
  Ed25519Key key = *Ed25519Key::generate();

 private:
  std::optional<net::ChildProcess> service_;
};

}  // namespace barrio::adapters
