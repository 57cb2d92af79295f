#include "model/program.h"

#include <doctest/doctest.h>

#include "base/yaml.h"
#include "model/app.h"
#include "model/snapshot.h"

namespace barrio::model::program_test {

namespace {

std::string app(const std::string& program, const std::string& rest = "") {
  return "name: hello\nprogram:\n  file: server\n" + program +
         "objective: {latency: 500ms, percentile: 99}\npolicy: {jurisdictions: [ES]}\n"
         "resources: {power: 5W, memory: 64MiB}\n" +
         rest;
}

std::string error_of(const std::string& text) {
  const auto spec = from_yaml<AppSpec>(text, "app.yaml");
  return spec ? "" : spec.error().text();
}

}  // namespace

TEST_CASE("a program is the one file, unless its app file says a command") {
  auto spec = from_yaml<AppSpec>(app("  arguments: [--fast]\n"), "app.yaml");
  REQUIRE_MESSAGE(spec, spec.error().text());
  CHECK(spec->program->words() == std::vector<std::string>{"./program", "--fast"});
  CHECK(spec->program->port == 8080);
  CHECK(spec->server() == &*spec->program);
  spec = from_yaml<AppSpec>(app("  command: [python3, server.py]\n"), "app.yaml");
  REQUIRE_MESSAGE(spec, spec.error().text());
  CHECK(spec->program->words() == std::vector<std::string>{"python3", "server.py"});
  const auto again = from_json<AppSpec>(to_json(*spec));
  REQUIRE_MESSAGE(again, again.error().text());
  CHECK(again->program->command == spec->program->command);
}

TEST_CASE("what is wrong with a program is told by the name of its field") {
  for (const auto& [program, field] :
       std::vector<std::pair<std::string, std::string>>{{"  port: 0\n", "program.port"},
                                                        {"  processes: 0\n", "program.processes"},
                                                        {"  scratch: 1KiB\n", "program.scratch"},
                                                        {"  ready: {path: nowhere}\n", "program.ready.path"},
                                                        {"  environment: {1A: x}\n", "program.environment.1A"},
                                                        {"  sha256: abc\n", "program.sha256"},
                                                        {"  image: hello\n", "program.image"}}) {
    CAPTURE(program);
    CHECK(error_of(app(program)).find(field) != std::string::npos);
  }
  CHECK(error_of(app("", "stream: {}\n")).find("this app is a program") != std::string::npos);
  CHECK(error_of(app("", "model: {backend: opencv, builtin: people}\n")).find("program") != std::string::npos);
  std::string two =
      app("", "container: {image: 'hello@sha256:" + std::string(64, '0') +
                  "', file: hello.tar, signature: x, signed_by: 'ed25519:" + std::string(43, 'A') + "'}\n");
  CHECK(error_of(two).find("cannot stand together with a container") != std::string::npos);
}

TEST_CASE("what a site needs of a program is its upload") {
  ReplicaOrder order;
  order.model.backend = Backend::none;
  order.program.emplace().sha256 = std::string(64, 'a');
  CHECK(files_of(order) == std::vector{std::string(64, 'a')});
  CHECK(order.content() == std::string(64, 'a'));
}

}  // namespace barrio::model::program_test
