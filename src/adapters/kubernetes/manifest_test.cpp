#include "adapters/kubernetes/manifest.h"

#include <doctest/doctest.h>

#include <set>

#include "adapters/kubernetes/shapes_test.h"
#include "base/json_read.h"

namespace barrio::adapters::kubernetes::manifest_test {

namespace {

using json_read::at;
using json_read::list_of;
using json_read::text_of;

const ClusterPlan plan{.site = "mad1",
                       .namespace_prefix = "barrio",
                       .gateway = {"10.0.1.1/32", "10.0.2.0/24"},
                       .node_selector = {{"topology.kubernetes.io/zone", "mad1"}}};

ReplicaOrder order() {
  ReplicaOrder made;
  made.id = ReplicaId::of("hello-mad1-1");
  made.app = {TenantId::of("acme"), AppName::of("hello")};
  made.generation = 7;
  made.resources = {.power = Watts(5), .memory = mib(64), .cores = 0.5, .accelerator = "", .accelerators = 0};
  made.container.emplace().image = *ImageReference::parse("hello@sha256:" + std::string(64, 'a'));
  return made;
}

Json pod_of(const ReplicaOrder& of) {
  return at(deployment(plan, of, "10.0.1.5:5000/barrio/acme@sha256:aa"), "spec", "template", "spec");
}
Json container_in(const ReplicaOrder& of) {
  return list_of(at(pod_of(of), "containers")).at(0);
}

}  // namespace

TEST_CASE("a pod is confined as Pod Security's level restricted asks, and more") {
  const Json pod = pod_of(order());
  const Json container = container_in(order());
  CHECK(at(pod, "automountServiceAccountToken") == false);
  CHECK(at(pod, "securityContext", "runAsNonRoot") == true);
  CHECK(at(pod, "securityContext", "runAsUser") == 65534);
  CHECK(at(pod, "securityContext", "seccompProfile", "type") == "RuntimeDefault");
  CHECK(at(container, "securityContext", "allowPrivilegeEscalation") == false);
  CHECK(at(container, "securityContext", "readOnlyRootFilesystem") == true);
  CHECK(at(container, "securityContext", "capabilities", "drop") == JsonArray{"ALL"});
  for (const char* wider : {"hostNetwork", "hostPID", "hostIPC", "serviceAccountName"}) CHECK(at(pod, wider).is_null());
  REQUIRE(list_of(at(pod, "volumes")).size() == 1);
  CHECK(at(list_of(at(pod, "volumes")).at(0), "emptyDir", "medium") == "Memory");
  const Json labels = at(namespace_manifest(plan, TenantId::of("acme")), "metadata", "labels");
  CHECK(at(labels, "pod-security.kubernetes.io/enforce") == "restricted");
  CHECK(at(pod, "nodeSelector", "topology.kubernetes.io/zone") == "mad1");
}

TEST_CASE("nothing goes out of a tenant's pods, and only the gateway's networks come in") {
  const Json policy = network_policy(plan, TenantId::of("acme"));
  CHECK(misfit(policy, shape_of("NetworkPolicy"), "") == "");
  CHECK(at(policy, "spec", "policyTypes") == JsonArray{"Ingress", "Egress"});
  CHECK(at(policy, "spec", "egress") == JsonArray{});
  const JsonArray& rules = list_of(at(policy, "spec", "ingress"));
  REQUIRE(rules.size() == 1);
  const JsonArray& from = list_of(at(rules.at(0), "from"));
  REQUIRE(from.size() == 2);
  CHECK(at(from.at(0), "ipBlock", "cidr") == "10.0.1.1/32");
  ClusterPlan closed = plan;
  closed.gateway.clear();
  CHECK(at(network_policy(closed, TenantId::of("acme")), "spec", "ingress") == JsonArray{});
}

TEST_CASE("requests and limits are what placement counts") {
  ReplicaOrder gpu = order();
  gpu.resources.accelerators = 2;
  const Json resources = at(container_in(gpu), "resources");
  CHECK(at(resources, "requests") == at(resources, "limits"));
  CHECK(at(resources, "limits", "cpu") == "500m");
  CHECK(at(resources, "limits", "memory") == "67108864");
  CHECK(at(resources, "limits", "nvidia.com/gpu") == "2");
  gpu.resources.slice = "1g.10gb";
  CHECK(at(container_in(gpu), "resources", "limits", "nvidia.com/mig-1g.10gb") == "2");
  CHECK(cpu_quantity(0.0001) == "1m");
  CHECK(cpu_quantity(0.1) == "100m");
  CHECK(cpu_quantity(2) == "2000m");
  CHECK(cpu_quantity(1.2345) == "1235m");
}

TEST_CASE("questions for health are the kubelet's, in whole seconds") {
  ReplicaOrder asked = order();
  asked.container->ready = HealthCheck{.path = "/ready", .every = 200ms, .timeout = 1500ms, .failures = 2};
  asked.container->live = HealthCheck{.path = "/live", .every = 5s, .timeout = 1s, .failures = 4};
  asked.container->start_within = 90s;
  const Json container = container_in(asked);
  CHECK(at(container, "readinessProbe", "httpGet", "path") == "/ready");
  CHECK(at(container, "readinessProbe", "periodSeconds") == 1);
  CHECK(at(container, "readinessProbe", "timeoutSeconds") == 2);
  CHECK(at(container, "readinessProbe", "failureThreshold") == 2);
  CHECK(at(container, "livenessProbe", "periodSeconds") == 5);
  CHECK(at(container, "startupProbe", "httpGet", "path") == "/ready");
  CHECK(at(container, "startupProbe", "failureThreshold") == 90);
  CHECK(at(container_in(order()), "livenessProbe").is_null());
}

TEST_CASE("commands and variables reach the container as they are: Kubernetes expands nothing in them") {
  ReplicaOrder told = order();
  told.container->command = {"/bin/sh", "-c", "echo $(PORT) $$ $HOME"};
  told.container->environment = {{"A", "$(TOKEN)"}, {"PORT", "9000"}};
  told.secrets = {{"TOKEN", "very-secret-value"}};
  const Json container = container_in(told);
  CHECK(list_of(at(container, "command")).at(2) == "echo $$(PORT) $$$$ $$HOME");
  const JsonArray& variables = list_of(at(container, "env"));
  REQUIRE(variables.size() == 3);
  CHECK(at(variables.at(0), "value") == "$$(TOKEN)");
  CHECK(at(variables.at(1), "value") == "9000");
  CHECK(at(variables.at(2), "valueFrom", "secretKeyRef", "key") == "TOKEN");
  CHECK(print_json(deployment(plan, told, "x")).find("very-secret-value") == std::string::npos);
  const Json kept = secret(plan, told, "uid-1");
  CHECK(misfit(kept, shape_of("Secret"), "") == "");
  CHECK(at(kept, "data", "TOKEN") == "dmVyeS1zZWNyZXQtdmFsdWU=");
}

TEST_CASE("names are DNS labels, the same for the same, and different for different replicas") {
  const std::string longest(63, 'x');
  std::set<std::string> names;
  for (const std::string& id :
       {std::string("1st"), std::string("hello-mad1-1"), longest, longest.substr(0, 62) + "y"}) {
    for (const int64_t generation : {int64_t{1}, int64_t{11}, int64_t{1'000'000'000'000}}) {
      const std::string name = object_name(ReplicaId::of(id), generation);
      CHECK(misfit(Json(name), Json("l"), "") == "");
      CHECK((name[0] >= 'a' && name[0] <= 'z'));  // a Service's
      names.insert(name);
    }
  }
  CHECK(names.size() == 12);
  CHECK(object_name(ReplicaId::of("hello-mad1-1"), 7) == "r-hello-mad1-1-7");
  CHECK(namespace_of(plan, TenantId::of("acme")) == "barrio-acme");
  CHECK(misfit(Json(namespace_of(plan, TenantId::of(longest))), Json("l"), "") == "");
  CHECK(namespace_of(plan, TenantId::of(longest)) != namespace_of(plan, TenantId::of(longest.substr(0, 62) + "y")));
}

TEST_CASE("all that is applied is spelt as Kubernetes spells it, and the test would see it if it were not") {
  ReplicaOrder all = order();
  all.container->command = {"a"};
  all.container->arguments = {"b"};
  all.container->live.emplace();
  all.secrets = {{"TOKEN", "x"}};
  Json made = deployment(plan, all, "x");
  CHECK(misfit(made, shape_of("Deployment"), "Deployment") == "");
  CHECK(misfit(service(plan, all, "uid-1"), shape_of("Service"), "Service") == "");
  CHECK(misfit(namespace_manifest(plan, TenantId::of("acme")), shape_of("Namespace"), "Namespace") == "");
  made.as_object()["spec"].as_object()["replica"] = 1;
  CHECK(misfit(made, shape_of("Deployment"), "Deployment") == "unknown field \"Deployment.spec.replica\"");
}

}  // namespace barrio::adapters::kubernetes::manifest_test
