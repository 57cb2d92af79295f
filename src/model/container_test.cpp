#include <doctest/doctest.h>

#include "base/text.h"
#include "base/yaml.h"
#include "model/app.h"

namespace barrio::model::container_test {

namespace {

const std::string signed_by = "ed25519:" + std::string(43, 'A');

std::string app(const std::string& container, const std::string& rest = "") {
  return "name: hello\ncontainer:\n  image: hello@sha256:" + std::string(64, '0') +
         "\n  file: hello.tar\n  signed_by: " + signed_by + "\n  signature: x\n" + container +
         "objective: {latency: 500ms, percentile: 99}\npolicy: {jurisdictions: [ES]}\n"
         "resources: {power: 5W, memory: 64MiB}\n" +
         rest;
}

std::string error_of(const std::string& text) {
  const auto spec = from_yaml<AppSpec>(text, "app.yaml");
  return spec ? "" : spec.error().text();
}

}  // namespace

TEST_CASE("a container has what it does not say: a port, few processes, and a health check") {
  const auto spec = from_yaml<AppSpec>(app(""), "app.yaml");
  REQUIRE_MESSAGE(spec, (spec ? "" : spec.error().text()));
  CHECK(spec->container->port == 8080);
  CHECK(spec->container->ready.value_or(HealthCheck()).path == "/");
  CHECK(spec->model.backend == Backend::none);
  CHECK(models_of(spec->model, spec->pipeline).empty());
  const auto again = from_json<AppSpec>(to_json(*spec));
  REQUIRE_MESSAGE(again, (again ? "" : again.error().text()));
  CHECK(again->container->image.str() == spec->container->image.str());
}

TEST_CASE("what is wrong with a container is told by the name of its field") {
  for (const auto& [container, field] : std::vector<std::pair<std::string, std::string>>{
           {"  port: 0\n", "container.port"},
           {"  user: root\n", "container.user"},
           {"  processes: 0\n", "container.processes"},
           {"  files: 1\n", "container.files"},
           {"  scratch: 1KiB\n", "container.scratch"},
           {"  start_within: 1ms\n", "container.start_within"},
           {"  ready: {path: nowhere}\n", "container.ready.path"},
           {"  live: {every: 1ms}\n", "container.live.every"},
           {"  environment: {1A: x}\n", "container.environment.1A"},
           {"  secrets: {A: 'No Name'}\n", "container.secrets.A"},
           {"  environment: {A: x}\n  secrets: {A: name}\n", "container.secrets.A"},
           {"  sha256: abc\n", "container.sha256"}}) {
    CAPTURE(container);
    CHECK(error_of(app(container)).find(field) != std::string::npos);
  }
  for (const char* image : {"hello:latest", "hello@sha256:00", "Hello@sha256:", "@sha256:"})
    CHECK_FALSE(ImageReference::parse(image).has_value());
  CHECK(error_of(app("", "stream: {}\n")).find("stream") != std::string::npos);
  CHECK(error_of(app("", "model: {backend: opencv, builtin: people}\n")).find("container") != std::string::npos);
  CHECK(error_of(app("", "rollout: {at_once: 0}\n")).find("rollout.at_once") != std::string::npos);
  std::string nothing = app("");
  nothing.erase(nothing.find("container:"), nothing.find("objective:") - nothing.find("container:"));
  CHECK(error_of(nothing).find("a model, a pipeline, a container or a program") != std::string::npos);
}

TEST_CASE("a signature is of one image, by one key") {
  const auto key = Ed25519Key::generate();
  const auto other = Ed25519Key::generate();
  REQUIRE((key && other));
  ContainerSpec spec;
  spec.image = *ImageReference::parse("hello@sha256:" + std::string(64, 'a'));
  spec.signed_by = key->public_key();
  spec.signature = base64url(key->sign(spec.image.signed_text()));
  CHECK(spec.check_signature().has_value());
  spec.image.digest[0] = 'b';
  CHECK(spec.check_signature().error().code == Code::denied);
  spec.image.digest[0] = 'a';
  spec.signed_by = other->public_key();
  CHECK(spec.check_signature().error().code == Code::denied);
  spec.signature = "not base64url!";
  CHECK(spec.check_signature().error().code == Code::denied);
}

}  // namespace barrio::model::container_test
