#include "cli/site_kubernetes.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "net/tls_test_files.h"

namespace barrio::cli::site_kubernetes_test {

namespace {

struct Cluster {
  net::TestFiles files;
  SiteTls tls;
  PodSurroundings pod;

  Cluster() {
    files.write("token", "t\n");
    files.issue("site", {"site"});
    files.write("credentials", "user:password\n");
    ::chmod(files.path("credentials").c_str(), 0640);
  }
  /// What stands in every file that works, and these lines.
  Result<adapters::KubernetesConfig> read(const std::string& lines, const std::string& gateway = "[10.0.1.1/32]") {
    const std::string text = "gateway: " + gateway + "\n" + lines;
    TRY(const auto file, from_yaml<KubernetesFile>(text, "site.yaml"));
    return kubernetes_config(file, "mad1", tls, pod);
  }
  std::string refusal(const std::string& lines, const std::string& gateway = "[10.0.1.1/32]") {
    const auto config = read(lines, gateway);
    return config ? "accepted" : config.error().text();
  }
  std::string server() const { return "server: \"https://10.0.1.2:6443\"\nca_file: " + files.authority() + "\n"; }
  std::string token() const { return "token_file: " + files.path("token") + "\n"; }
  std::string good() const { return server() + token() + registry; }
  std::string registry = "registry: {server: \"http://10.0.1.5:5000\"}\n";
};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a site's cluster is what its file says") {
  Cluster cluster;
  const auto config = cluster.read(cluster.good() + "node_selector: {topology.kubernetes.io/zone: mad1}\n");
  REQUIRE_MESSAGE(config, config.error().text());
  CHECK(config->api.server.address.str() == "10.0.1.2:6443");
  CHECK((config->api.server.tls && config->api.server.name == "10.0.1.2"));
  CHECK(config->api.token_file == cluster.files.path("token"));
  CHECK(config->plan.namespace_prefix == "barrio");
  CHECK(config->plan.node_selector.at("topology.kubernetes.io/zone") == "mad1");
  CHECK(config->registry.pulled_as == "10.0.1.5:5000");
  CHECK(!config->registry.endpoint.tls);
  const auto shown =
      cluster.read(cluster.server() + "client_cert_file: " + cluster.files.path("site.pem") +
                   "\nclient_key_file: " + cluster.files.path("site.key") +
                   "\nregistry: {server: \"https://10.0.1.5\", pulled_as: registry.example, prefix: edge/mad1, "
                   "credentials_file: " +
                   cluster.files.path("credentials") + "}\n");
  REQUIRE_MESSAGE(shown, shown.error().text());
  CHECK(shown->api.token_file.empty());
  CHECK((shown->registry.pulled_as == "registry.example" && shown->registry.prefix == "edge/mad1"));
  CHECK(shown->registry.endpoint.tls);
}

TEST_CASE("a pod of the cluster needs to be told less") {
  Cluster cluster;
  cluster.files.write("ca.crt", [&] {
    std::ifstream in(cluster.files.authority());
    return std::string(std::istreambuf_iterator<char>(in), {});
  }());
  CHECK(has(cluster.refusal(cluster.registry), "kubernetes.server: is missing, and this process runs in no pod"));
  cluster.pod = {.host = "10.43.0.1", .port = "443", .folder = cluster.files.path("")};
  const auto config = cluster.read(cluster.registry);
  REQUIRE_MESSAGE(config, config.error().text());
  CHECK(config->api.server.address.str() == "10.43.0.1:443");
  CHECK(has(config->api.token_file, "/token"));
  cluster.pod.host = "fd00::1";
  CHECK(cluster.read(cluster.registry)->api.server.address.str() == "[fd00::1]:443");
}

TEST_CASE("every wrong field of a cluster is named") {
  Cluster cluster;
  const std::string good = cluster.good();
  const std::string server = "server: \"https://10.0.1.2:6443\"\n";
  CHECK(cluster.refusal(good) == "accepted");
  CHECK(has(cluster.refusal(good, "[]"), "kubernetes.gateway: must name"));
  for (const char* network : {"10.0.1.1", "10.0.1.1/33", "gateway/8", "10.0.1.1/"})
    CHECK(has(cluster.refusal(good, "[10.0.0.0/8, \"" + std::string(network) + "\"]"), "kubernetes.gateway[1]: '"));
  for (const char* url : {"http://10.0.1.2:6443", "https://kubernetes:6443", "10.0.1.2:6443", "https://10.0.1.2/x"}) {
    const std::string lines = "server: \"" + std::string(url) + "\"\n" + cluster.token() + cluster.registry;
    CHECK_MESSAGE(has(cluster.refusal(lines), "kubernetes.server: must be like https://10.0.1.2:6443"), url);
  }
  CHECK(has(cluster.refusal(server + cluster.registry), "kubernetes.token_file: must be there, or client_cert_file"));
  CHECK(has(cluster.refusal(good + "client_cert_file: x\n"), "kubernetes.client_key_file: is missing"));
  CHECK(has(cluster.refusal(good + "client_key_file: x\n"), "kubernetes.client_cert_file: is missing"));
  CHECK(has(cluster.refusal(good + "client_cert_file: " + cluster.files.path("site.pem") +
                            "\nclient_key_file: " + cluster.files.path("site.key") + "\n"),
            "and not both"));
  CHECK(has(cluster.refusal(server + "ca_file: /nowhere\n" + cluster.token() + cluster.registry), "/nowhere"));
  CHECK(has(cluster.refusal(good + "namespace_prefix: Barrio\n"), "kubernetes.namespace_prefix: must be"));
  CHECK(has(cluster.refusal(good + "node_selector: {zone: \"a b\"}\n"), "kubernetes.node_selector.zone: is no label"));
  const auto registry = [&](const std::string& fields) {
    return cluster.refusal(cluster.server() + cluster.token() + "registry: {" + fields + "}\n");
  };
  CHECK(has(cluster.refusal(cluster.server() + cluster.token()), "'registry' is missing"));
  CHECK(has(registry("server: \"registry.example:5000\""), "kubernetes.registry.server: must be like"));
  CHECK(has(registry("server: \"10.0.1.5:5000\", pulled_as: \"a b\""), "kubernetes.registry.pulled_as"));
  CHECK(has(registry("server: \"10.0.1.5:5000\", prefix: \"Edge\""), "kubernetes.registry.prefix"));
  CHECK(has(registry("server: \"10.0.1.5:5000\", credentials_file: /nowhere"), "credentials_file: there is no file"));
  ::chmod(cluster.files.path("credentials").c_str(), 0644);
  CHECK(has(registry("server: \"10.0.1.5:5000\", credentials_file: " + cluster.files.path("credentials")),
            "must not be readable by others"));
  CHECK(has(cluster.refusal(good + "tokenfile: x\n"), "tokenfile"));
}

}  // namespace barrio::cli::site_kubernetes_test
