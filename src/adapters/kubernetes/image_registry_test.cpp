#include "adapters/kubernetes/image_registry.h"

#include <filesystem>

#include "adapters/kubernetes/fake_registry_test.h"
#include "adapters/kubernetes/kubernetes_rig_test.h"
#include "net/child_process.h"

namespace barrio::adapters::kubernetes::image_registry_test {

namespace {

const TenantId acme = TenantId::of("acme");

ImageReference reference(const ImageArchive& archive) {
  return *ImageReference::parse("hello@sha256:" + archive.digest);
}

}  // namespace

TEST_CASE("an image is put under its tenant, once, and its credentials are shown") {
  KubernetesRig rig;
  const ImageArchive archive("one");
  rig.cluster.files.write("credentials", "barrio:secret\n");
  rig.registry.wants = "barrio:secret";
  ImageRegistry registry(rig.runtime, rig.fetcher(),
                         {.endpoint = rig.registry.endpoint,
                          .pulled_as = "registry.example:5000",
                          .prefix = "edge",
                          .credentials_file = rig.cluster.files.path("credentials")});
  rig.run([&] {
    const auto put = registry.put(acme, reference(archive), archive.bytes);
    REQUIRE_MESSAGE(put, put.error().text());
    CHECK(rig.registry.manifests.contains("/v2/edge/acme sha256:" + archive.digest));
    CHECK(rig.registry.uploads == 3);
    CHECK(registry.put(acme, reference(archive), archive.bytes));
    CHECK(rig.registry.uploads == 3);
    CHECK(registry.put(TenantId::of("other"), reference(archive), archive.bytes));
    CHECK(rig.registry.uploads == 6);
    CHECK(registry.reference(acme, reference(archive)) == "registry.example:5000/edge/acme@sha256:" + archive.digest);
    rig.registry.wants = "barrio:another";
    const auto refused = registry.put(acme, reference(archive), archive.bytes);
    REQUIRE(!refused);
    CHECK((refused.error().code == Code::unavailable && refused.error().text().find("secret") == std::string::npos));
    rig.cluster.files.write("credentials", "nonsense");
    CHECK(registry.put(acme, reference(archive), archive.bytes).error().what == "must hold user:password, in one line");
  });
}

TEST_CASE("an archive that is damaged, cut short, or of another image is not put") {
  KubernetesRig rig;
  const ImageArchive archive("one"), other("two");
  ImageRegistry registry(rig.runtime, rig.fetcher(), {.endpoint = rig.registry.endpoint, .pulled_as = "r"});
  rig.run([&] {
    CHECK(registry.put(acme, reference(other), archive.bytes).error().code == Code::denied);
    CHECK(registry.put(acme, reference(archive), "no archive").error().code == Code::invalid);
    std::string damaged = archive.bytes;
    damaged[damaged.find("second layer")] ^= 1;
    const auto layer = registry.put(acme, reference(archive), damaged);
    REQUIRE(!layer);
    CHECK(layer.error().what.find("is something else") != std::string::npos);
    damaged = archive.bytes;
    damaged[damaged.find("schemaVersion")] ^= 1;
    CHECK(registry.put(acme, reference(archive), damaged).error().code == Code::denied);
    CHECK(rig.registry.manifests.empty());
    for (size_t length = 0; length < archive.bytes.size() - 1024 - 512; length += 100)
      CHECK_FALSE(registry.put(acme, reference(archive), archive.bytes.substr(0, length)));
    CHECK(rig.registry.manifests.empty());
  });
}

TEST_CASE("a real registry takes it, and gives it out under its digest") {
  if (!std::filesystem::exists("/usr/bin/docker-registry")) {
    MESSAGE("SKIPPED: docker-registry is not installed");
    return;
  }
  KubernetesRig rig;
  const ImageArchive archive("one");
  const std::string at = "127.0.0.1:" + std::to_string([&] {
                           net::MessageServer taken(rig.reactor, {}, [](net::Request, net::Responder) {});
                           return taken.listen(*net::SocketAddress::parse("127.0.0.1:0"))->port();
                         }());
  rig.cluster.files.write("registry.yml", "version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: " +
                                              rig.cluster.files.path("store") + "}}\nhttp: {addr: '" + at + "'}\n");
  auto child = net::ChildProcess::start(
      {.arguments = {"/usr/bin/docker-registry", "serve", rig.cluster.files.path("registry.yml")},
       .log_file = rig.cluster.files.path("registry.log")});
  REQUIRE(child);
  const net::Endpoint endpoint = *net::SocketAddress::parse(at);
  ImageRegistry registry(rig.runtime, rig.fetcher(), {.endpoint = endpoint, .pulled_as = at});
  rig.run([&] {
    const auto get = [&](const std::string& target) {
      return rig.fetcher()(endpoint,
                           {.target = target, .headers = {{"Accept", "application/vnd.oci.image.manifest.v1+json"}}},
                           rig.runtime.now() + 5s);
    };
    REQUIRE(rig.until([&] { return get("/v2/").has_value(); }));
    const auto put = registry.put(acme, reference(archive), archive.bytes);
    REQUIRE_MESSAGE(put, put.error().text());
    CHECK(registry.put(acme, reference(archive), archive.bytes));
    const auto manifest = get("/v2/barrio/acme/manifests/sha256:" + archive.digest);
    REQUIRE(manifest);
    CHECK((manifest->status == 200 && sha256_hex(manifest->body) == archive.digest));
  });
}

}  // namespace barrio::adapters::kubernetes::image_registry_test
