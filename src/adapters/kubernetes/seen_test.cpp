#include "adapters/kubernetes/seen.h"

#include <doctest/doctest.h>

namespace barrio::adapters::kubernetes::seen_test {

namespace {

/// A pod with this status, in JSON.
SeenPod pod(const std::string& status) {
  const auto object = parse_json(
      R"({"metadata":{"name":"p","namespace":"barrio-acme","uid":"u","creationTimestamp":"2026-01-01T00:00:00Z",
          "labels":{"barrio.site":"mad1","barrio.replica":"hello-mad1-1","barrio.generation":"7"}},"status":)" +
      status + "}");
  REQUIRE_MESSAGE(object, object.error().text());
  const auto seen = SeenPod::from(*object);
  REQUIRE(seen);
  return *seen;
}

SeenPod with_container(const std::string& container) {
  return pod(
      R"({"phase":"Running","conditions":[{"type":"PodScheduled","status":"True"},{"type":"Ready","status":"False"}],
      "containerStatuses":[{"name":"app",)" +
      container + "}]}");
}

}  // namespace

TEST_CASE("what a pod says of itself, in plain words") {
  CHECK(pod("{}").detail == "waits for a node");
  CHECK(pod(R"({"conditions":[{"type":"PodScheduled","status":"True"}]})").detail == "its node takes it up");
  const SeenPod ready =
      pod(R"({"conditions":[{"type":"Ready","status":"True"}],"containerStatuses":[{"restartCount":2}]})");
  CHECK((ready.phase == ReplicaPhase::ready && ready.detail.empty() && ready.restarts == 2));
  CHECK(ready.owner == ObjectOwner{ReplicaId::of("hello-mad1-1"), 7});

  CHECK(with_container(R"("state":{"waiting":{"reason":"ContainerCreating"}})").phase == ReplicaPhase::starting);
  const SeenPod killed = with_container(
      R"("restartCount":4,"state":{"waiting":{"reason":"CrashLoopBackOff"}},"lastState":{"terminated":{"reason":"OOMKilled","exitCode":137}})");
  CHECK(killed.detail == "ended: out of memory, is started again after a wait");
  CHECK((killed.phase == ReplicaPhase::failed && killed.restarts == 4));
  CHECK(with_container(R"("state":{"terminated":{"exitCode":2}})").detail == "ended with code 2");
  const SeenPod config = with_container(
      R"("state":{"waiting":{"reason":"CreateContainerConfigError","message":"secret \"r-1\"\nnot found"}})");
  CHECK(config.detail == "its node cannot start the container: secret \"r-1\" not found");
  CHECK_FALSE(config.cannot_pull);
  CHECK(with_container(R"("state":{"waiting":{"reason":"ErrImagePull"}})").cannot_pull);
  CHECK(with_container(R"("started":false,"state":{"running":{}})").detail == "has not answered yet");
  const SeenPod again = with_container(
      R"("started":true,"restartCount":1,"state":{"running":{}},"lastState":{"terminated":{"exitCode":137}})");
  CHECK(again.detail == "does not answer its question for readiness; before, it ended with code 137");
  const SeenPod evicted =
      pod(R"({"phase":"Failed","reason":"Evicted","message":"The node was low on resource: ephemeral-storage."})");
  CHECK(evicted.detail == "its pod ended (Evicted): The node was low on resource: ephemeral-storage.");
  const std::string longest = R"({"phase":"Failed","message":")" + std::string(5000, 'x') + R"("})";
  CHECK(pod(longest).detail.size() < 400);
}

TEST_CASE("what is not ours, or nothing that can be understood, is not seen") {
  CHECK_FALSE(SeenPod::from(*parse_json("null")));
  CHECK_FALSE(SeenPod::from(*parse_json(R"({"metadata":{"labels":[]}})")));
  CHECK_FALSE(
      SeenDeployment::from(*parse_json(R"({"metadata":{"labels":{"barrio.replica":"a","barrio.generation":"x"}}})")));
  CHECK_FALSE(
      SeenDeployment::from(*parse_json(R"({"metadata":{"labels":{"barrio.replica":"A B","barrio.generation":"1"}}})")));
}

TEST_CASE("quantities are read as Kubernetes writes them") {
  CHECK(parse_quantity("12345678n") == doctest::Approx(0.012345678));
  CHECK(parse_quantity("250m") == doctest::Approx(0.25));
  CHECK(parse_quantity("2") == 2.0);
  CHECK(parse_quantity("131072Ki") == 134217728.0);
  CHECK(parse_quantity("1.5Gi") == 1.5 * 1024 * 1024 * 1024);
  CHECK(parse_quantity("3M") == 3e6);
  for (const char* none : {"", "Ki", "x", "1Q", "1 Ki"}) CHECK_FALSE(parse_quantity(none));
}

}  // namespace barrio::adapters::kubernetes::seen_test
