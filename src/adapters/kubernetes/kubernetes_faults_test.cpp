// What an API server does on bad days, and what becomes of the workloads meanwhile.

#include "adapters/kubernetes/kubernetes_rig_test.h"

namespace barrio::adapters::kubernetes_faults_test {

namespace {

using Rig = kubernetes::KubernetesRig;
using Contract = kubernetes::KubernetesContract;
using kubernetes::FakeCluster;
using kubernetes::object_name;

const ReplicaId id = ReplicaId::of("hello-mad1-1");
const ReplicaId other = ReplicaId::of("hello-mad1-2");

/// Its pod is not ready, and is ready again: both are seen.
bool follows(Rig& rig, Contract& contract) {
  const std::string pod = rig.cluster.pod_like(object_name(id, 1));
  rig.cluster.set_ready(pod, false);
  const bool out = rig.until([&] { return contract.phase(id) != ReplicaPhase::ready; });
  rig.cluster.set_ready(pod, true);
  return out && rig.until([&] { return contract.phase(id) == ReplicaPhase::ready; });
}

}  // namespace

TEST_CASE("a token that is replaced is read again when the old one is refused") {
  Rig rig;
  Contract contract(rig);
  rig.run([&] {
    ports::wait_until_ready(contract, id, 1);
    rig.cluster.token = "second";
    rig.cluster.files.write("token", "second\n");
    ports::wait_until_ready(contract, other, 1);
    rig.cluster.cut_watches();
    CHECK(follows(rig, contract));
    // The watch may be the first to hear of it.
    rig.cluster.token = "third";
    rig.cluster.files.write("token", "third\n");
    rig.cluster.cut_watches();
    CHECK(follows(rig, contract));
    // One that is of no use is said, and nothing that runs is touched.
    rig.cluster.token = "fourth";
    contract.version = "2";
    REQUIRE(contract.workloads().ensure(rig.spec(id.str(), 2, "2")));
    CHECK(contract.says(id, "generation 2: starting, PATCH /api"));
    CHECK(contract.says(id, "the Kubernetes API: Unauthorized"));
    CHECK(contract.phase(id) == ReplicaPhase::ready);
    rig.cluster.files.write("token", "");
    CHECK(contract.says(id, "holds no token for the Kubernetes API"));
    rig.cluster.files.write("token", "fourth");
    // Nor does it stop the release, which is not to blame.
    CHECK(ports::wait_until_ready(contract, id, 2).report.restarts == 0);
  });
}

TEST_CASE("a server that asks for a pause gets it, and one that asks for too long is told of") {
  Rig rig;
  Contract contract(rig);
  rig.run([&] {
    const Time began = rig.runtime.now();
    rig.cluster.moods.push_back(FakeCluster::failure(429, "TooManyRequests", "slow down", {{"Retry-After", "1"}}));
    ports::wait_until_ready(contract, id, 1);
    CHECK(rig.runtime.now() - began >= 1s);
    for (int i = 0; i < 2; ++i)
      rig.cluster.moods.push_back(FakeCluster::failure(429, "TooManyRequests", "slow down", {{"Retry-After", "60"}}));
    REQUIRE(contract.workloads().ensure(rig.spec(other.str(), 1)));
    CHECK(contract.says(other, "slow down"));
    CHECK(contract.phase(other) == ReplicaPhase::starting);
    CHECK(ports::wait_until_ready(contract, other, 1).report.restarts == 0);  // nobody has failed
  });
}

TEST_CASE("what conflicts or fails is tried again, and what is refused counts against the release") {
  Rig rig;
  Contract contract(rig);
  rig.run([&] {
    rig.cluster.moods.push_back(FakeCluster::failure(409, "Conflict", "the object has been modified"));
    rig.cluster.moods.push_back(FakeCluster::failure(500, "InternalError", "etcdserver: leader changed"));
    CHECK(ports::wait_until_ready(contract, id, 1).report.restarts == 0);
    for (int i = 0; i < 3; ++i)
      rig.cluster.moods.push_back(FakeCluster::failure(422, "Invalid", "spec.template: Invalid value"));
    REQUIRE(contract.workloads().ensure(rig.spec(id.str(), 2, "2")));
    CHECK(contract.says(id, "generation 2: failed, PATCH"));
    CHECK(contract.says(id, "Invalid value"));
    CHECK(rig.until([&] { return ports::status_of(contract, id)->report.restarts >= 3; }));
    CHECK(contract.phase(id) == ReplicaPhase::ready);
    rig.cluster.moods.assign(5, FakeCluster::failure(503, "ServiceUnavailable", "shutting down"));
    CHECK(contract.workloads().stop(id));
    CHECK(rig.until([&] { return rig.cluster.keys("deployments").empty(); }));
    ports::wait_until_gone(contract, id);
  });
}

TEST_CASE("a watch that is cut goes on where it was") {
  Rig rig;
  Contract contract(rig);
  rig.run([&] {
    ports::wait_until_ready(contract, id, 1);
    const size_t lists = rig.cluster.lists;
    for (int i = 0; i < 3; ++i) {
      rig.cluster.cut_watches();
      CHECK(follows(rig, contract));
    }
    // Nothing of ours happens for long, and the server forgets: a bookmark says where to go on.
    CHECK(rig.until([&] {
      if (rig.cluster.watching() < 2) return false;
      const int64_t now = rig.cluster.revision();
      if (rig.cluster.watched_from["deployments"] == now && rig.cluster.watched_from["pods"] == now) return true;
      rig.cluster.bookmark();
      rig.runtime.sleep_for(50ms);
      rig.cluster.cut_watches();
      return false;
    }));
    rig.cluster.forget_history(false);
    rig.cluster.cut_watches();
    CHECK(follows(rig, contract));
    CHECK(rig.cluster.lists == lists);
    CHECK(rig.cluster.watches >= 6);
  });
}

TEST_CASE("where the server has forgotten, or talks nonsense, all is listed again") {
  Rig rig;
  Contract contract(rig);
  rig.run([&] {
    ports::wait_until_ready(contract, id, 1);
    ports::wait_until_ready(contract, other, 1);
    const auto listed_again = [&](const std::string& how, const std::function<void()>& forget) {
      const size_t lists = rig.cluster.lists;
      forget();
      CHECK_MESSAGE(rig.until([&] { return rig.cluster.lists >= lists + 2; }), how);
      CHECK_MESSAGE(follows(rig, contract), how);
    };
    listed_again("in the watch", [&] { rig.cluster.forget_history(); });
    listed_again("before it", [&] {
      rig.cluster.cut_watches();
      rig.cluster.set_ready(rig.cluster.pod_like(object_name(other, 1)), true);
      rig.cluster.touch("deployments/barrio-acme/" + object_name(other, 1));
      rig.cluster.forget_history(false);
    });
    listed_again("no JSON", [&] { rig.cluster.babble("{\"type\": \"ADDED\", \n"); });
    listed_again("without an end", [&] { rig.cluster.babble(std::string(64 * 1024 + 1, 'x')); });
    // What went meanwhile is not kept.
    rig.cluster.cut_watches();
    rig.cluster.erase(rig.cluster.pod_like(object_name(other, 1)));
    rig.cluster.forget_history(false);
    CHECK(contract.says(other, "waits for its pod"));
    CHECK(contract.phase(id) == ReplicaPhase::ready);
  });
}

TEST_CASE("while the server is away the last that it said stands") {
  Rig rig;
  Contract contract(rig), late(rig);
  rig.run([&] {
    const std::string at = ports::wait_until_ready(contract, id, 1).endpoint;
    rig.cluster.away = true;
    rig.cluster.cut_watches();
    REQUIRE(contract.workloads().ensure(rig.spec(other.str(), 1)));
    CHECK(contract.says(other, "the Kubernetes API does not answer"));
    CHECK(contract.phase(other) == ReplicaPhase::starting);
    REQUIRE(late.workloads().ensure(rig.spec(id.str(), 1)));
    CHECK(late.says(id, "waits for the cluster"));
    const auto status = ports::status_of(contract, id);
    CHECK((status->report.phase == ReplicaPhase::ready && status->endpoint == at));
    late.workloads().stand_down();
    rig.cluster.come_back();
    ports::wait_until_ready(contract, other, 1);
    CHECK(follows(rig, contract));
  });
}

TEST_CASE("pods that come late and lists in many pages are waited for") {
  Rig rig;
  Contract contract(rig), second(rig);
  rig.run([&] {
    rig.cluster.step = 300ms;
    ports::wait_until_ready(contract, id, 1);
    rig.cluster.step = 10ms;
    for (int i = 3; i < 8; ++i) ports::wait_until_ready(contract, ReplicaId::of("hello-mad1-" + std::to_string(i)), 1);
    rig.cluster.page = 2;
    const auto listed = [&] {
      const auto all = second.workloads().list();
      return all ? all->size() : 0;
    };
    CHECK(rig.until([&] { return listed() == 6; }));
    second.workloads().stand_down();
  });
}

TEST_CASE("a registry that is away does not keep what runs from being found") {
  Rig rig;
  Contract contract(rig), after(rig);
  rig.run([&] {
    rig.registry.wants = "nobody:knows";
    REQUIRE(contract.workloads().ensure(rig.spec(id.str(), 1)));
    CHECK(contract.says(id, "the registry: refuses the credentials, status 401"));
    CHECK(rig.cluster.keys("deployments").empty());
    const size_t asked = rig.registry.asked;
    CHECK(rig.until([&] { return rig.registry.asked >= asked + 3; }));
    rig.registry.wants.clear();
    CHECK(ports::wait_until_ready(contract, id, 1).report.restarts == 0);  // the release is not to blame
    rig.registry.wants = "nobody:knows";
    contract.workloads().stand_down();
    ports::wait_until_ready(after, id, 1);
  });
}

}  // namespace barrio::adapters::kubernetes_faults_test
