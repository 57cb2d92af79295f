// The role that deploy/kubernetes grants is what is asked for: nothing is missing, nothing is there in vain.

#include <fstream>
#include <sstream>

#include "adapters/kubernetes/kubernetes_rig_test.h"
#include "base/yaml.h"

namespace barrio::adapters::kubernetes::role_test {

namespace {

std::set<std::string> granted() {
  const std::string path = std::string(BARRIO_SOURCE_DIR) + "/deploy/kubernetes/cluster-role.yaml";
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  const auto file = parse_yaml(text.str(), path);
  REQUIRE_MESSAGE(file, file.error().text());
  std::set<std::string> all;
  for (const Json& rule : json_read::list_of(json_read::at(file->value, "rules"))) {
    for (const Json& group : json_read::list_of(json_read::at(rule, "apiGroups"))) {
      for (const Json& resource : json_read::list_of(json_read::at(rule, "resources"))) {
        for (const Json& verb : json_read::list_of(json_read::at(rule, "verbs")))
          all.insert(json_read::text_of(verb) + " " + json_read::text_of(resource) + "." + json_read::text_of(group));
      }
    }
  }
  return all;
}

}  // namespace

TEST_CASE("the role of deploy/kubernetes covers what the cluster is asked for, and nothing else") {
  const ReplicaId id = ReplicaId::of("hello-mad1-1");
  KubernetesRig rig;
  KubernetesContract contract(rig);
  rig.run([&] {
    auto spec = rig.spec(id.str(), 1);
    spec.order.secrets["TOKEN"] = "x";
    CHECK(contract.workloads().ensure(spec));
    REQUIRE(rig.until([&] { return contract.phase(id) == ReplicaPhase::ready; }));
    CHECK(contract.workloads().logs(id, 10));
    CHECK(contract.workloads().usage(id));
    ports::wait_until_ready(contract, id, 2);
    CHECK(contract.workloads().stop(id));
    ports::wait_until_gone(contract, id);
  });
  CHECK(rig.cluster.used == granted());
}

}  // namespace barrio::adapters::kubernetes::role_test
