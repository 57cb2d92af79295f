// Pipelines over the real core, its devices and its REST front.

#include <doctest/doctest.h>

#include <algorithm>

#include "base/yaml.h"
#include "engine/engine.h"
#include "engine/engine_main.h"
#include "engine/fake_model_test.h"
#include "engine/front_door.h"
#include "engine/pipeline.h"
#include "engine/rest_front.h"
#include "net/client.h"

namespace barrio::engine::pipeline_engine_test {

namespace {

/// Doubles, then doubles each of up to three again.
constexpr const char* steps = R"(
steps:
- name: first
  model: {backend: onnx, file: a}
- name: each
  model: {backend: onnx, file: b}
  inputs: {x: first.y}
  for_each: first.y
  most: 3
outputs: {once: first.y, twice: each.y}
)";

PipelineSpec spec_of(const std::string& text) {
  auto spec = from_yaml<PipelineSpec>(text, "p");
  REQUIRE_MESSAGE(spec, spec.error().text());
  return std::move(*spec);
}

struct World {
  World()
      : engine(reactor, {{"fake", &backend}}, {}, registry),
        pipelines(
            engine, [this] { return reactor.fresh_now(); }, registry),
        codec(reactor, 1, 16),
        rest(reactor, pipelines, engine, codec, registry),
        door(reactor, {}, {&rest}),
        address(*door.listen(*net::SocketAddress::parse("127.0.0.1:0"))) {
    pipelines.add("p", spec_of(steps));
  }
  ~World() { backend.release(); }

  void until(const std::function<bool()>& done) {
    const Time limit = reactor.fresh_now() + 10s;
    while (!done() && reactor.now() < limit) reactor.turn(100ms);
    REQUIRE(done());
  }
  void load(const std::string& name) {
    bool loaded = false;
    engine.load(name, {.builtin = "good"}, [&](Result<void> result) { loaded = result.has_value(); });
    until([&] { return loaded; });
  }
  net::Response call(net::Request request) {
    std::optional<net::Response> answer;
    client.fetch(address, std::move(request), reactor.fresh_now() + 10s,
                 [&](Result<net::Response> result) { answer = result ? *result : net::Response{0, {}, {}}; });
    until([&] { return answer.has_value(); });
    return *answer;
  }
  net::Response infer(const std::string& data, net::OwnedHeaders headers = {}) {
    const auto count = std::to_string(1 + std::ranges::count(data, ','));
    return call(
        {.method = "POST",
         .target = "/v2/models/p/infer",
         .headers = std::move(headers),
         .body = R"({"inputs":[{"name":"x","shape":[)" + count + R"(],"datatype":"UINT8","data":[)" + data + "]}]}"});
  }

  Registry registry;
  net::Reactor reactor;
  FakeBackend backend;
  Engine engine;
  Pipelines pipelines;
  WorkQueue codec;
  RestFront rest;
  FrontDoor door;
  net::SocketAddress address;
  net::Client client{reactor, {}};
};

}  // namespace

TEST_CASE("a pipeline is asked like a model, and answers once all its models are loaded") {
  World world;
  CHECK(world.call({.target = "/v2/models/p/ready"}).status == 503);
  CHECK(world.infer("1").status == 503);
  world.load("p.first");
  world.load("p.each");
  CHECK(world.call({.target = "/v2/models/p/ready"}).status == 200);
  CHECK(world.call({.target = "/v2/models/p"}).body.find("barrio_pipeline") != std::string::npos);
  const auto answer = world.infer("1,2,3,4");
  CHECK_MESSAGE(answer.status == 200, answer.body);
  CHECK(answer.body.find(R"("name":"once","datatype":"UINT8","shape":[4],"data":[2,4,6,8])") != std::string::npos);
  CHECK(answer.body.find(R"("name":"twice","datatype":"UINT8","shape":[3],"data":[4,8,12])") != std::string::npos);
  CHECK(world.engine.idle());
}

TEST_CASE("a step's failure and a deadline that cannot be met are the request's") {
  World world;
  world.load("p.first");
  world.load("p.each");
  const auto failed = world.infer("13");
  CHECK(failed.status == 500);
  CHECK(failed.body.find("step first: ") != std::string::npos);
  CHECK(world.infer("1", {{"Barrio-Deadline-Ms", "5000"}}).status == 200);
  const auto late = world.infer("1", {{"Barrio-Deadline-Ms", "-1"}});
  CHECK((late.status == 429 || late.status == 503));
  CHECK(world.engine.idle());
  CHECK(world.pipelines.in_flight() == 0);
}

TEST_CASE("a process whose pipeline does not fit its models ends with the reason") {
  FakeBackend backend;
  ReplicaOptions options{.listen = "127.0.0.1:0"};
  const LoadParameters good{.builtin = "good"};
  options.models = {{"p.first", good}, {"p.each", good}};
  std::string wrong = steps;
  wrong.replace(wrong.find("first.y"), 7, "first.z");
  wrong.replace(wrong.find("first.y"), 7, "first.z");
  options.pipelines = {{"p", spec_of(wrong)}};
  CHECK(run_engine({.own = options}, {{"fake", &backend}}) == exit_model_failed);
}

}  // namespace barrio::engine::pipeline_engine_test
