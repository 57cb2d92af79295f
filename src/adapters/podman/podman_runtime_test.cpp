// With a real podman, where there is one that works.

#include "adapters/podman/podman_runtime.h"

#include <signal.h>
#include <unistd.h>

#include "adapters/podman/podman_rig_test.h"
#include "ports/workload_runtime_contract.h"

namespace barrio::adapters::podman_runtime_test {

namespace {

class Contract final : public ports::WorkloadRig {
 public:
  explicit Contract(PodmanRig& rig) : rig_(rig), workloads_(rig.runtime, rig.fetcher(), rig.fetcher(), rig.config()) {}
  ports::Runtime& loop() override { return rig_.runtime; }
  ports::WorkloadRuntime& workloads() override { return workloads_; }
  ports::WorkloadSpec spec(const ReplicaId& id, int64_t generation) override {
    return rig_.spec(id.str(), generation, version);
  }
  void kill(const ReplicaId& id) override {
    int64_t generation = 0;
    const auto listed = workloads_.list();
    REQUIRE(listed);
    for (const auto& status : *listed) {
      if (status.report.id == id) generation = status.report.generation;
    }
    const auto state = rig_.api().inspect(container_name(id, generation));
    REQUIRE(state);
    ::kill(static_cast<pid_t>(state->pid), SIGKILL);
  }
  PodmanWorkloadRuntime& podman() { return workloads_; }
  std::string version = "1";

 private:
  PodmanRig& rig_;
  PodmanWorkloadRuntime workloads_;
};

const ReplicaId id = ReplicaId::of("hello-mad1-1");

std::string try_it(PodmanRig& rig, const std::string& endpoint, const std::string& what) {
  const auto answer = rig.ask(endpoint, "/cgi-bin/try?" + what);
  return answer ? answer->body : "no answer: " + answer.error().text();
}

}  // namespace

TEST_CASE("podman runs workloads as every runtime does") {
  PodmanRig rig;
  if (!rig.start()) return;
  Contract contract(rig);
  rig.run([&] {
    ports::check_workload_runtime(contract);
    // Those that others took the place of are removed behind the scenes.
    auto left = rig.api().containers("barrio.site=mad1");
    for (const Time latest = contract.loop().now() + 30s; left && !left->empty() && contract.loop().now() < latest;) {
      contract.loop().sleep_for(50ms);
      left = rig.api().containers("barrio.site=mad1");
    }
    REQUIRE(left);
    CHECK(left->empty());
  });
}

TEST_CASE("a container can do what it is for, and nothing else") {
  PodmanRig rig;
  if (!rig.start()) return;
  Contract contract(rig);
  rig.run([&] {
    const std::string at = ports::wait_until_ready(contract, id, 1).endpoint;
    CHECK(rig.ask(at, "/")->body == "hello from version 1\n");
    CHECK(try_it(rig, at, "write") == "refused\n");
    CHECK(try_it(rig, at, "tmp") == "written\n");
    const std::string who = try_it(rig, at, "id");
    CHECK(who.starts_with("65534\n"));
    CHECK(who.find("CapEff:\t0000000000000000\n") != std::string::npos);
    CHECK(who.find("CapBnd:\t0000000000000000\n") != std::string::npos);
    CHECK(who.find("NoNewPrivs:\t1\n") != std::string::npos);
    CHECK(who.find("Seccomp:\t2\n") != std::string::npos);
    CHECK(who.find("65536\n") != std::string::npos);  // an id map of its own
    const std::string devices = try_it(rig, at, "net");
    CHECK(std::ranges::count(devices, ':') == 1);  // lo
    CHECK(try_it(rig, at, "connect") == "refused\n");
    const auto host = rig.api().host();
    REQUIRE(host);
    if (host->limits_processes) {
      // More than 200 were asked for.
      const auto running = parse_uint(trim(try_it(rig, at, "forks")));
      CHECK_MESSAGE((!running || *running <= 32), "processes: " << running.value_or(0));
    } else {
      MESSAGE("SKIPPED: cgroups do not count processes here");
    }
    if (host->limits_memory) {
      CHECK(try_it(rig, at, "memory") == "killed\n");  // asks for 400 MB, may take 64
    } else {
      MESSAGE("SKIPPED: cgroups do not count memory here");
    }
    CHECK(contract.workloads().stop(id));
    ports::wait_until_gone(contract, id);
  });
}

TEST_CASE("an image that is not signed, not the signed one, or not what was uploaded, is not started") {
  PodmanRig rig;
  if (!rig.start()) return;
  Contract contract(rig);
  rig.run([&] {
    auto forged = rig.spec(id.str(), 1);
    forged.order.container->signature[10] ^= 1;
    CHECK(contract.workloads().ensure(forged).error().code == Code::denied);
    CHECK_FALSE(ports::status_of(contract, id));

    auto swapped = rig.spec(id.str(), 1);
    const auto other = rig.spec(id.str(), 1, "2");
    swapped.file_path = other.file_path;
    swapped.order.container->sha256 = other.order.container->sha256;
    CHECK(contract.workloads().ensure(swapped));  // the signature is of the first image
    for (int i = 0; i < 500 && ports::status_of(contract, id)->report.restarts == 0; ++i) rig.runtime.sleep_for(20ms);
    CHECK(ports::status_of(contract, id)->report.detail.find("the archive holds") != std::string::npos);
    CHECK(contract.workloads().stop(id));
    ports::wait_until_gone(contract, id);

    auto altered = rig.spec(id.str(), 2);
    altered.order.container->sha256 = std::string(64, 'a');
    CHECK(contract.workloads().ensure(altered));
    for (int i = 0; i < 500 && ports::status_of(contract, id)->report.restarts == 0; ++i) rig.runtime.sleep_for(20ms);
    CHECK(ports::status_of(contract, id)->report.detail.find("not what was uploaded") != std::string::npos);
    CHECK(rig.api().containers("barrio.site=mad1")->empty());
  });
}

TEST_CASE("a container outlives the process that started it, and is adopted as it is") {
  PodmanRig rig;
  if (!rig.start()) return;
  auto before = std::make_unique<Contract>(rig);
  uint32_t pid = 0;
  rig.run([&] {
    ports::wait_until_ready(*before, id, 1);
    pid = rig.api().inspect(container_name(id, 1))->pid;
    before->podman().stand_down();
    rig.runtime.sleep_for(300ms);  // its fibers end
  });
  Contract after(rig);
  rig.run([&] {
    CHECK(ports::wait_until_ready(after, id, 1).report.restarts == 0);
    CHECK(rig.api().inspect(container_name(id, 1))->pid == pid);
    // What nobody asks for is told, so that the agent ends it.
    Contract third(rig);
    for (int i = 0; i < 100 && !ports::status_of(third, id); ++i) rig.runtime.sleep_for(20ms);
    REQUIRE(ports::status_of(third, id));
    CHECK(ports::status_of(third, id)->report.phase == ReplicaPhase::stopping);
    after.podman().stand_down();
    CHECK(third.workloads().stop(id));
    for (int i = 0; i < 200 && !rig.api().containers("barrio.site=mad1")->empty(); ++i) rig.runtime.sleep_for(20ms);
    CHECK(rig.api().containers("barrio.site=mad1")->empty());
    third.podman().stand_down();
    rig.runtime.sleep_for(300ms);
  });
}

TEST_CASE("a process that starts again in the middle of a rollout keeps the container that is the way back") {
  PodmanRig rig;
  if (!rig.start()) return;
  Contract before(rig), after(rig);
  rig.run([&] {
    ports::wait_until_ready(before, id, 1);
    const uint32_t pid = rig.api().inspect(container_name(id, 1))->pid;
    before.podman().stand_down();
    auto bad = rig.spec(id.str(), 2, "bad");
    bad.order.container->start_within = 1s;
    REQUIRE(after.workloads().ensure(bad));
    for (int i = 0; i < 500 && ports::status_of(after, id)->report.restarts == 0; ++i) rig.runtime.sleep_for(20ms);
    CHECK(ports::status_of(after, id)->report.restarts >= 1);
    const auto kept = rig.api().inspect(container_name(id, 1));  // strays go after 200 ms
    REQUIRE(kept);
    CHECK(kept->pid == pid);
    ports::wait_until_ready(after, id, 1);
    CHECK(rig.api().inspect(container_name(id, 1))->pid == pid);
    CHECK(after.workloads().stop(id));
    ports::wait_until_gone(after, id);
  });
}

TEST_CASE("a new generation takes over only when it is ready, and one that never is leaves the earlier one serving") {
  PodmanRig rig;
  if (!rig.start()) return;
  Contract contract(rig);
  rig.run([&] {
    ports::wait_until_ready(contract, id, 1);
    auto bad = rig.spec(id.str(), 2, "bad");
    bad.order.container->start_within = 1s;
    CHECK(contract.workloads().ensure(bad));
    const Time until = rig.runtime.now() + 30s;
    int64_t restarts = 0;
    while (rig.runtime.now() < until && restarts == 0) {
      const auto status = ports::status_of(contract, id);
      CHECK(status->report.phase == ReplicaPhase::ready);
      CHECK(status->report.generation == 1);
      CHECK(rig.ask(status->endpoint, "/")->body == "hello from version 1\n");
      restarts = status->report.restarts;
      rig.runtime.sleep_for(50ms);
    }
    CHECK(restarts >= 1);
    CHECK(ports::status_of(contract, id)->report.detail.find("generation 2") != std::string::npos);
    contract.version = "2";
    const std::string at = ports::wait_until_ready(contract, id, 3).endpoint;
    CHECK(rig.ask(at, "/")->body == "hello from version 2\n");
    CHECK(contract.workloads().stop(id));
    ports::wait_until_gone(contract, id);
    for (int i = 0; i < 200 && !rig.api().containers("barrio.site=mad1")->empty(); ++i) rig.runtime.sleep_for(20ms);
    CHECK(rig.api().containers("barrio.site=mad1")->empty());
  });
}

TEST_CASE("a container that does not live is restarted, its state and its log say so, and no secret is in them") {
  PodmanRig rig;
  if (!rig.start()) return;
  Contract contract(rig);
  rig.run([&] {
    auto spec = rig.spec(id.str(), 1);
    spec.order.container->live = HealthCheck{.path = "/cgi-bin/none", .every = 100ms, .timeout = 1s, .failures = 2};
    spec.order.secrets["TOKEN"] = "very-secret-value";
    CHECK(contract.workloads().ensure(spec));
    std::string detail;
    for (int i = 0; i < 500 && detail.empty(); ++i) {
      const auto status = ports::status_of(contract, id);
      if (status->report.restarts >= 1) detail = status->report.detail;
      rig.runtime.sleep_for(20ms);
    }
    CHECK(detail.find("/cgi-bin/none did not answer 2 times in a row") != std::string::npos);
    const auto log = contract.workloads().logs(id, 100);
    REQUIRE(log);
    std::string text = detail;
    for (const std::string& line : *log) text += line;
    CHECK(text.find("serving on port 8080") != std::string::npos);
    CHECK(text.find("very-secret-value") == std::string::npos);
    CHECK(contract.workloads().stop(id));
    ports::wait_until_gone(contract, id);
  });
}

}  // namespace barrio::adapters::podman_runtime_test
