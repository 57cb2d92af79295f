// Against an API server of the tests (fake_cluster_test.h), not a real cluster.

#include "adapters/kubernetes/kubernetes_runtime.h"

#include <fstream>
#include <sstream>

#include "adapters/kubernetes/kubernetes_rig_test.h"
#include "base/log.h"

namespace barrio::adapters::kubernetes_runtime_test {

namespace {

using Rig = kubernetes::KubernetesRig;
using Contract = kubernetes::KubernetesContract;
using kubernetes::FakeCluster;
using kubernetes::object_name;

const ReplicaId id = ReplicaId::of("hello-mad1-1");

std::string key_of(const std::string& resource, int64_t generation = 1) {
  return resource + "/barrio-acme/" + object_name(id, generation);
}

}  // namespace

TEST_CASE("Kubernetes runs workloads as every runtime does") {
  Rig rig;
  Contract contract(rig);
  rig.run([&] {
    ports::check_workload_runtime(contract);
    // Only what is the tenant's is left.
    CHECK(rig.until([&] { return rig.cluster.objects().size() == 2; }));
    CHECK(rig.cluster.keys("namespaces") == std::vector<std::string>{"namespaces//barrio-acme"});
    CHECK(rig.cluster.keys("networkpolicies") == std::vector<std::string>{"networkpolicies/barrio-acme/barrio-mad1"});
  });
}

TEST_CASE("a process that starts again finds what runs, and changes nothing") {
  Rig rig;
  Contract before(rig), after(rig), third(rig);
  rig.run([&] {
    const std::string at = ports::wait_until_ready(before, id, 1).endpoint;
    const auto objects = rig.cluster.objects();
    const size_t asked = rig.registry.asked;
    before.workloads().stand_down();
    const auto adopted = ports::wait_until_ready(after, id, 1);
    CHECK((adopted.endpoint == at && adopted.report.restarts == 0));
    CHECK(rig.cluster.objects() == objects);
    CHECK(rig.registry.asked == asked);
    // What nobody asks for is told, so that the agent ends it.
    after.workloads().stand_down();
    REQUIRE(rig.until([&] { return ports::status_of(third, id).has_value(); }));
    CHECK((third.phase(id) == ReplicaPhase::stopping && third.detail(id) == "found here"));
    CHECK(third.workloads().stop(id));
    CHECK(rig.until([&] { return rig.cluster.keys("deployments").empty(); }));
    CHECK(rig.cluster.keys("pods").empty());
    CHECK(rig.cluster.keys("services").empty());
    ports::wait_until_gone(third, id);
  });
}

TEST_CASE("a new generation takes over only when it is ready, and one that never is leaves the earlier one serving") {
  Rig rig;
  Contract contract(rig);
  rig.run([&] {
    ports::wait_until_ready(contract, id, 1);
    rig.cluster.fate = "crash";
    CHECK(contract.workloads().ensure(rig.spec(id.str(), 2, "2")));
    REQUIRE(contract.says(id, "generation 2: failed, ended with code 3"));
    auto status = ports::status_of(contract, id);
    CHECK((status->report.generation == 1 && status->report.phase == ReplicaPhase::ready));
    CHECK((status->report.coming == 2 && status->report.restarts == 1));
    rig.cluster.fate = "ready";
    contract.version = "3";
    ports::wait_until_ready(contract, id, 3);
    CHECK(rig.until([&] { return rig.cluster.keys("deployments").size() == 1; }));
    CHECK(rig.cluster.objects().contains(key_of("deployments", 3)));
    CHECK(rig.cluster.keys("services").size() == 1);
  });
}

TEST_CASE("why a pod does not come up is said in plain words") {
  Rig rig;
  Contract contract(rig);
  rig.run([&] {
    const auto fares = [&](const std::string& fate, const std::string& detail, ReplicaPhase phase) {
      rig.cluster.fate = fate;
      const ReplicaId one = ReplicaId::of("one-" + std::to_string(rig.cluster.applied));
      REQUIRE(contract.workloads().ensure(rig.spec(one.str(), 1)));
      CHECK_MESSAGE(contract.says(one, detail), fate << ": " << contract.detail(one));
      CHECK(contract.phase(one) == phase);
      CHECK(contract.workloads().stop(one));
      ports::wait_until_gone(contract, one);
    };
    fares("unschedulable", "the cluster has no room for it: 0/3 nodes are available: 3 Insufficient memory",
          ReplicaPhase::failed);
    fares("no image", "its node cannot pull the image: Back-off pulling image", ReplicaPhase::failed);
    fares("crash", "ended with code 3, is started again after a wait", ReplicaPhase::failed);
    fares("unready", "does not answer its question for readiness", ReplicaPhase::starting);
    fares("forbidden", "the cluster refuses its pod: pods \"x\" is forbidden", ReplicaPhase::failed);
    rig.cluster.fate = "ready";
    rig.app_status = 503;
    REQUIRE(contract.workloads().ensure(rig.spec(id.str(), 1)));
    CHECK(contract.says(id, "its pod is ready, but does not answer this site's gateway at 127.0.0.1"));
    CHECK(contract.phase(id) == ReplicaPhase::starting);
    rig.app_status = 200;
    ports::wait_until_ready(contract, id, 1);
    const size_t asked = rig.app_asked;
    rig.runtime.sleep_for(300ms);
    CHECK(rig.app_asked == asked);  // from then on the cluster's word counts
    rig.cluster.set_ready(rig.cluster.pod_like(object_name(id, 1)), false);
    CHECK(rig.until([&] { return contract.phase(id) == ReplicaPhase::starting; }));
    rig.cluster.set_ready(rig.cluster.pod_like(object_name(id, 1)), true);
    CHECK(rig.until([&] { return contract.phase(id) == ReplicaPhase::ready; }));
  });
}

TEST_CASE("an image that its nodes cannot pull is put into the registry once more") {
  Rig rig;
  Contract contract(rig);
  rig.run([&] {
    rig.cluster.fate = "no image";
    REQUIRE(contract.workloads().ensure(rig.spec(id.str(), 1)));
    REQUIRE(contract.says(id, "cannot pull the image"));
    rig.registry.manifests.clear();
    CHECK(rig.until([&] { return rig.registry.manifests.size() == 1; }));
    rig.cluster.set_running(rig.cluster.pod_like(object_name(id, 1)), true);
    CHECK(ports::wait_until_ready(contract, id, 1).report.restarts == 0);
  });
}

TEST_CASE("what is not signed, not the signed image, not what was uploaded, or would be root, is not applied") {
  Rig rig;
  Contract contract(rig);
  rig.run([&] {
    auto forged = rig.spec(id.str(), 1);
    forged.order.container->signature[10] ^= 1;
    CHECK(contract.workloads().ensure(forged).error().code == Code::denied);
    auto root = rig.spec(id.str(), 1);
    root.order.container->user = "0:0";
    CHECK(contract.workloads().ensure(root).error().where == "container.user");
    CHECK_FALSE(ports::status_of(contract, id));

    auto swapped = rig.spec(id.str(), 1);
    const auto other = rig.spec(id.str(), 1, "2");
    swapped.file_path = other.file_path;
    swapped.order.container->sha256 = other.order.container->sha256;
    CHECK(contract.workloads().ensure(swapped));  // the signature is of the first image
    CHECK(contract.says(id, "the archive holds the image sha256:"));
    CHECK(contract.phase(id) == ReplicaPhase::failed);
    CHECK(rig.until([&] { return ports::status_of(contract, id)->report.restarts >= 3; }));  // a rollout stops at it
    auto altered = rig.spec(id.str(), 2);
    altered.order.container->sha256 = std::string(64, 'a');
    CHECK(contract.workloads().ensure(altered));
    CHECK(contract.says(id, "not what was uploaded"));
    CHECK(rig.cluster.applied == 0);
    CHECK(rig.registry.uploads == 0);
  });
}

TEST_CASE("secrets are in a Secret, and in nothing else that is sent, said or logged") {
  Rig rig;
  Contract contract(rig);
  rig.run([&] {
    auto spec = rig.spec(id.str(), 1);
    spec.order.secrets["TOKEN"] = "very-secret-value";
    rig.cluster.moods.push_back(FakeCluster::failure(409, "Conflict", "the namespace is being made"));
    REQUIRE(contract.workloads().ensure(spec));
    REQUIRE(rig.until([&] { return contract.phase(id) == ReplicaPhase::ready; }));
    for (const auto& [key, object] : rig.cluster.objects()) {
      const std::string text = print_json(object);
      CHECK(text.find("very-secret-value") == std::string::npos);
      CHECK((text.find(base64("very-secret-value")) != std::string::npos) == key.starts_with("secrets/"));
    }
    CHECK(rig.cluster.objects().contains(key_of("secrets")));
    // A refusal may repeat what it refuses.
    const std::string log_file = rig.cluster.files.path("log");
    configure_log("test", LogLevel::debug, log_file);
    rig.cluster.moods.push_back({.status = 201, .body = R"({"metadata":{"uid":"u","generation":1}})"});
    rig.cluster.moods.push_back(FakeCluster::failure(422, "Invalid", "data.TOKEN: Invalid value: very-secret-value"));
    const ReplicaId second = ReplicaId::of("hello-mad1-2");
    auto refused = rig.spec(second.str(), 1);
    refused.order.secrets["TOKEN"] = "very-secret-value";
    REQUIRE(contract.workloads().ensure(refused));
    REQUIRE(contract.says(second, "/secrets/r-hello-mad1-2-1: the Kubernetes API: status 422"));
    REQUIRE(rig.until([&] { return contract.phase(second) == ReplicaPhase::ready; }));
    configure_log("test", LogLevel::debug, "");
    std::ostringstream logged;
    logged << std::ifstream(log_file).rdbuf();
    CHECK(logged.str().find("status 422") != std::string::npos);
    CHECK(logged.str().find("very-secret") == std::string::npos);
    CHECK(contract.workloads().stop(second));
    ports::wait_until_gone(contract, second);
    const auto log = contract.workloads().logs(id, 10);
    REQUIRE(log);
    CHECK(log->size() == 2);
    CHECK(contract.workloads().stop(id));
    ports::wait_until_gone(contract, id);
    CHECK(rig.cluster.keys("secrets").empty());
  });
}

TEST_CASE("figures come from the cluster's metrics, where there are any") {
  Rig rig;
  Contract contract(rig);
  rig.run([&] {
    ports::wait_until_ready(contract, id, 1);
    const auto usage = contract.workloads().usage(id);
    REQUIRE(usage);
    CHECK((usage->cores == 0.25 && usage->memory == Bytes(2 * 1024 * 1024)));
    rig.cluster.metrics = false;
    const auto none = contract.workloads().usage(id);
    REQUIRE(none);
    CHECK((!none->cores && !none->memory));
  });
}

TEST_CASE("what somebody changes in the cluster or deletes there is put right") {
  Rig rig;
  Contract contract(rig);
  rig.run([&] {
    ports::wait_until_ready(contract, id, 1);
    const std::string deployment = key_of("deployments");
    const size_t applied = rig.cluster.applied;
    rig.cluster.object(deployment)["spec"].as_object()["replicas"] = 0;
    rig.cluster.object(deployment)["spec"].as_object()["paused"] = true;  // no field of ours
    rig.cluster.touch(deployment, true);
    const auto spec = [&] { return rig.cluster.object(deployment)["spec"].as_object(); };
    CHECK(rig.until([&] { return spec()["replicas"] == 1; }));
    CHECK(spec()["paused"] == true);
    ports::wait_until_ready(contract, id, 1);
    rig.runtime.sleep_for(300ms);
    CHECK(rig.cluster.applied == applied + 2);  // once: the Deployment and its Service
    rig.cluster.end_deployment(deployment);
    CHECK(rig.until([&] { return !rig.cluster.objects().contains(deployment); }));
    CHECK(ports::wait_until_ready(contract, id, 1).report.restarts == 2);  // the third pod
  });
}

TEST_CASE("what is not watched and was deleted or changed is put right in turn") {
  Rig rig;
  rig.apply_every = 200ms;
  Contract contract(rig);
  rig.run([&] {
    auto spec = rig.spec(id.str(), 1);
    spec.order.secrets["TOKEN"] = "value";
    REQUIRE(contract.workloads().ensure(spec));
    const auto ready = [&] { return contract.phase(id) == ReplicaPhase::ready; };
    REQUIRE(rig.until(ready));
    const auto before = rig.cluster.objects();
    const std::string name_space = "namespaces//barrio-acme";
    const auto labels = [&] {
      return json_read::texts_of(json_read::at(Json(rig.cluster.object(name_space)), "metadata", "labels"));
    };
    const auto wanted = labels();
    REQUIRE(!wanted.empty());
    rig.cluster.object(name_space)["metadata"].as_object()["labels"] = JsonObject();
    const std::vector<std::string> lost{"networkpolicies/barrio-acme/barrio-mad1", key_of("services"),
                                        key_of("secrets")};
    for (const std::string& key : lost) rig.cluster.erase(key);
    for (const std::string& key : lost) {
      CHECK_MESSAGE(rig.until([&] { return rig.cluster.objects().contains(key); }), key);
      CHECK(rig.cluster.object(key)["spec"] == JsonObject(before.at(key))["spec"]);
    }
    CHECK(rig.until([&] { return labels() == wanted; }));
    CHECK(ready());
    const std::string pod = rig.cluster.pod_like(object_name(id, 1));
    CHECK(before.contains(pod));
    CHECK(ports::status_of(contract, id)->report.restarts == 0);
  });
}

TEST_CASE("a Deployment that is never seen is applied again") {
  Rig rig;
  Contract contract(rig);
  rig.run([&] {
    ports::wait_until_ready(contract, ReplicaId::of("hello-mad1-2"), 1);  // the namespace is there
    rig.cluster.moods.push_back({.status = 201, .body = R"({"metadata":{"uid":"u","generation":1}})"});
    REQUIRE(contract.workloads().ensure(rig.spec(id.str(), 1)));
    REQUIRE(rig.until([&] { return rig.cluster.moods.empty(); }));
    CHECK(!rig.cluster.objects().contains(key_of("deployments")));
    CHECK(ports::wait_until_ready(contract, id, 1).report.restarts == 0);
  });
}

TEST_CASE("replicas that begin together put their image into the registry once") {
  Rig rig;
  Contract contract(rig);
  rig.run([&] {
    for (int i = 1; i <= 4; ++i) REQUIRE(contract.workloads().ensure(rig.spec("hello-mad1-" + std::to_string(i), 1)));
    for (int i = 1; i <= 4; ++i) ports::wait_until_ready(contract, ReplicaId::of("hello-mad1-" + std::to_string(i)), 1);
    CHECK(rig.registry.uploads == 3);
    CHECK(rig.registry.asked == 11);  // the manifest is asked for and put; each blob is asked for, begun and put
  });
}

TEST_CASE("a process that starts again in the middle of a rollout keeps the way back") {
  Rig rig;
  Contract before(rig), after(rig), third(rig);
  rig.run([&] {
    ports::wait_until_ready(before, id, 1);
    const std::string pod = rig.cluster.pod_like(object_name(id, 1));
    before.workloads().stand_down();
    rig.cluster.fate = "crash";
    REQUIRE(after.workloads().ensure(rig.spec(id.str(), 2, "2")));
    REQUIRE(after.says(id, "ended with code 3"));
    rig.runtime.sleep_for(400ms);  // strays go after 100 ms
    CHECK(rig.cluster.pod_like(object_name(id, 1)) == pod);
    rig.cluster.fate = "ready";
    ports::wait_until_ready(after, id, 1);
    CHECK(rig.cluster.pod_like(object_name(id, 1)) == pod);
    CHECK(rig.until([&] { return rig.cluster.keys("deployments").size() == 1; }));
    // One that is ready needs none.
    after.workloads().stand_down();
    third.version = "3";
    ports::wait_until_ready(third, id, 3);
    CHECK(rig.until([&] { return rig.cluster.keys("deployments").size() == 1; }));
    CHECK(rig.cluster.objects().contains(key_of("deployments", 3)));
    third.workloads().stand_down();
  });
}

TEST_CASE("a workload that is stopped and wanted again at once runs again") {
  Rig rig;
  Contract contract(rig);
  rig.run([&] {
    ports::wait_until_ready(contract, id, 1);
    const auto uid = [&] {
      const auto found = rig.cluster.objects().find(key_of("deployments"));
      return found == rig.cluster.objects().end()
                 ? std::string()
                 : json_read::text_of(json_read::at(Json(found->second), "metadata", "uid"));
    };
    const std::string first = uid();
    CHECK(contract.workloads().stop(id));
    CHECK(contract.workloads().ensure(rig.spec(id.str(), 1)));
    CHECK(rig.until([&] { return !uid().empty() && uid() != first; }));
    ports::wait_until_ready(contract, id, 1);
    CHECK(contract.workloads().stop(id));
    ports::wait_until_gone(contract, id);
    CHECK(rig.until([&] { return rig.cluster.keys("deployments").empty(); }));
  });
}

}  // namespace barrio::adapters::kubernetes_runtime_test
