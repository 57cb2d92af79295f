#include "engine/rest_front.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <csignal>

#include "api/oip/message.h"
#include "engine/engine.h"
#include "engine/engine_main.h"
#include "engine/fake_model_test.h"
#include "engine/front_door.h"
#include "net/client.h"

namespace barrio::engine::rest_front_test {

namespace {

struct World {
  explicit World(std::vector<std::string> models = {"doubler"}, RestLimits limits = {},
                 EngineConfig config = {.queue = 2})
      : engine(reactor, {{"fake", &backend}}, std::move(config), registry),
        codec(reactor, 1, 4),
        rest(reactor, engine, engine, codec, registry, limits),
        door(reactor, {}, {&rest}),
        address(*door.listen(*net::SocketAddress::parse("127.0.0.1:0"))) {
    for (const std::string& model : models) {
      engine.load(model, {.builtin = "held"}, [this](Result<void> loaded) {
        if (!loaded) failure = loaded.error();
      });
    }
  }

  /// A failed test must not hang on a worker that waits.
  ~World() { backend.release(); }

  void until(const std::function<bool()>& done) {
    const Time limit = reactor.fresh_now() + 10s;
    while (!done() && reactor.now() < limit) reactor.turn(100ms);
    REQUIRE(done());
  }
  void load() {
    backend.loading.release();
    until([&] { return rest.ready(); });
  }
  using Answer = std::shared_ptr<std::optional<net::Response>>;
  Answer send(net::Request request) {
    auto answer = std::make_shared<std::optional<net::Response>>();
    client.fetch(address, std::move(request), reactor.fresh_now() + 10s, [answer](Result<net::Response> result) {
      *answer = result ? std::move(*result) : net::Response{0, {}, result.error().text()};
    });
    return answer;
  }
  net::Response wait(const Answer& answer) {
    until([&] { return answer->has_value(); });
    return **answer;
  }
  net::Response get(const std::string& path) { return wait(send({.target = path})); }
  bool shows(const std::string& line) const { return registry.text().find(line) != std::string::npos; }
  /// Sends one that waits in the model until `backend.slow` is released.
  Answer send_slow(const std::string& model = "doubler");

  Registry registry;
  net::Reactor reactor;
  FakeBackend backend;
  std::optional<Error> failure;
  Engine engine;
  WorkQueue codec;
  RestFront rest;
  FrontDoor door;
  net::SocketAddress address;
  net::Client client{reactor, {}};
};

net::Request infer_request(int value, net::OwnedHeaders headers = {}, const std::string& model = "doubler") {
  return {.method = "POST",
          .target = "/v2/models/" + model + "/infer",
          .headers = std::move(headers),
          .body = R"({"id":"a","inputs":[{"name":"x","shape":[1],"datatype":"UINT8","data":[)" + std::to_string(value) +
                  "]}]}"};
}

World::Answer World::send_slow(const std::string& model) {
  const size_t before = backend.runs.all().size();
  auto answer = send(infer_request(7, {}, model));
  until([&] { return backend.runs.all().size() > before; });
  return answer;
}

std::optional<double> number(const net::Response& response, std::string_view field) {
  const auto text = net::find_header(response.headers, field);
  return text ? std::optional(std::stod(std::string(*text))) : std::nullopt;
}

}  // namespace

TEST_CASE("an engine is live at once and ready when its model is loaded") {
  World world;
  CHECK(world.get("/v2/health/live").status == 200);
  CHECK(world.get("/v2/health/ready").status == 503);
  CHECK(world.get("/v2/models/doubler/ready").status == 503);
  const auto early = world.wait(world.send(infer_request(1)));
  CHECK(early.status == 503);
  CHECK(api::parse_error(early.body) == "model doubler is loading");
  world.load();
  CHECK(world.get("/v2/health/ready").status == 200);
  CHECK(world.get("/v2/models/doubler/ready").body == R"({"name":"doubler","ready":true})");
  CHECK(world.get("/v2").body.find("binary_tensor_data") != std::string::npos);
  const auto metadata = world.get("/v2/models/doubler/versions/1").body;
  CHECK(metadata.find(R"("platform":"fake")") != std::string::npos);
  CHECK(metadata.find(R"("versions":["1"])") != std::string::npos);
  CHECK(world.get("/v2/models/doubler/config").body ==
        R"({"name":"doubler","platform":"fake","backend":"","max_batch_size":0,)"
        R"("input":[{"name":"x","data_type":"TYPE_UINT8","dims":[-1]}],)"
        R"("output":[{"name":"y","data_type":"TYPE_UINT8","dims":[-1]}]})");
  CHECK(world.get("/v2/models/other/config").status == 404);
  CHECK(world.shows(R"(barrio_engine_ready{model="doubler"} 1)"));
}

TEST_CASE("an answer carries the outputs, its times and the load") {
  World world;
  world.load();
  const auto answer = world.wait(world.send(infer_request(21)));
  CHECK(answer.status == 200);
  CHECK(
      answer.body ==
      R"({"model_name":"doubler","model_version":"1","id":"a","outputs":[{"name":"y","datatype":"UINT8","shape":[1],"data":[42]}]})");
  CHECK(net::find_header(answer.headers, "Server-Timing").value().starts_with("queue;dur="));
  CHECK(net::find_header(answer.headers, "Server-Timing").value().find(", compute;dur=") != std::string::npos);
  CHECK(net::find_header(answer.headers, "Barrio-Load") == "waiting=0");
  const std::string metrics = world.get("/metrics").body;
  CHECK(metrics.find(R"(barrio_engine_requests_total{model="doubler",outcome="answered"} 1)") != std::string::npos);
  for (const char* stage : {"front", "decode", "queue", "hold", "run", "reply"}) {
    const std::string line =
        "barrio_engine_stage_seconds_count{model=\"doubler\",stage=\"" + std::string(stage) + "\"} 1";
    CHECK_MESSAGE(metrics.find(line) != std::string::npos, line);
  }
}

TEST_CASE("binary data goes in and out") {
  World world;
  world.load();
  net::Request request = infer_request(0, {{"Inference-Header-Content-Length", "0"}});
  request.body = std::string("\x01\x02\x03", 3);
  const auto answer = world.wait(world.send(request));
  CHECK(answer.status == 200);
  const auto length = net::find_header(answer.headers, "Inference-Header-Content-Length");
  REQUIRE(length);
  CHECK(answer.body.substr(std::stoul(std::string(*length))) == std::string("\x02\x04\x06", 3));
  request.body = R"({"inputs":[{"name":"x","shape":[2],"datatype":"UINT8","parameters":{"binary_data_size":2}}]})";
  request.headers = {{"Inference-Header-Content-Length", std::to_string(request.body.size())}};
  request.body += "\x05\x06";
  const auto with_head = world.wait(world.send(request));
  CHECK(with_head.status == 200);
  CHECK(with_head.body.find(R"("data":[10,12])") != std::string::npos);
}

TEST_CASE("bad requests get the protocol's error object and a fitting status") {
  World world;
  world.load();
  CHECK(world.get("/v2/models/doubler/infer").status == 405);
  const auto other = world.get("/v2/models/other");
  CHECK(other.status == 404);
  CHECK(api::parse_error(other.body) == "this endpoint serves doubler, not other");
  CHECK(world.wait(world.send(infer_request(1, {}, "other"))).status == 404);
  CHECK(world.get("/v2/models/doubler/versions/2").status == 404);
  CHECK(world.get("/v2/models/doubler/nothing").status == 404);
  CHECK(world.get("/v3").status == 404);
  net::Request request = infer_request(1);
  request.body = R"({"inputs":[{"name":"x","shape":[2],"datatype":"UINT8","data":[1]}]})";
  const auto answer = world.wait(world.send(request));
  CHECK(answer.status == 400);
  CHECK(api::parse_error(answer.body).find("input 'x'") != std::string::npos);
  for (const auto& [field, value] : {std::pair("Barrio-Deadline-Ms", "soon"), std::pair("Barrio-Class", "urgent"),
                                     std::pair("Inference-Header-Content-Length", "-4")}) {
    const auto refused = world.wait(world.send(infer_request(1, {{field, value}})));
    CHECK(refused.status == 400);
    CHECK(api::parse_error(refused.body).find(field) != std::string::npos);
  }
  request.body = R"({"inputs":[{"name":"x","shape":[1],"datatype":"UINT8","data":[1]}],"outputs":[{"name":"z"}]})";
  CHECK(api::parse_error(world.wait(world.send(request)).body) == "output 'z': is not an output of model doubler");
  // What does not fit the model takes no place in a batch either.
  for (const char* wrong : {R"({"name":"x","shape":[1],"datatype":"INT8","data":[1]})",
                            R"({"name":"z","shape":[1],"datatype":"UINT8","data":[1]})",
                            R"({"name":"x","shape":[1,1],"datatype":"UINT8","data":[1]})"}) {
    request.body = R"({"inputs":[)" + std::string(wrong) + "]}";
    CHECK(world.wait(world.send(request)).status == 400);
  }
  CHECK(world.shows(R"(barrio_engine_requests_total{model="doubler",outcome="rejected"} 8)"));
  CHECK(world.backend.runs.all().empty());
  CHECK(world.get("/metrics").body.find("barrio_engine_offered_total{") == std::string::npos);
}

TEST_CASE("the parameter timeout is the request's time, as in Triton") {
  World world;
  world.load();
  net::Request request = infer_request(1);
  request.body.insert(1, R"("parameters":{"timeout":60000000},)");
  CHECK(world.wait(world.send(request)).status == 200);
  request.body = infer_request(1).body;
  request.body.insert(1, R"("parameters":{"timeout":1},)");
  CHECK(world.wait(world.send(request)).status == 429);
  request.body = infer_request(1).body;
  request.body.insert(1, R"("parameters":{"timeout":"soon"},)");
  CHECK(world.wait(world.send(request)).status == 400);
}

TEST_CASE("a failing run is a 500 and the next one works") {
  World world;
  world.load();
  const auto failed = world.wait(world.send(infer_request(13)));
  CHECK(failed.status == 500);
  CHECK(api::parse_error(failed.body) == "the model broke");
  CHECK(world.wait(world.send(infer_request(1))).status == 200);
  CHECK(world.shows(R"(outcome="failed"} 1)"));
}

TEST_CASE("a full queue declines at once, and what waits is answered in the end") {
  World world;
  world.load();
  std::vector<World::Answer> waiting = {world.send_slow()};
  for (int i = 0; i < 2; ++i) waiting.push_back(world.send(infer_request(7)));
  world.until([&] { return world.shows(R"(barrio_engine_waiting{model="doubler"} 2)"); });
  const auto refused = world.wait(world.send(infer_request(1)));
  CHECK(refused.status == 429);
  CHECK(net::find_header(refused.headers, "Retry-After") == "1");
  CHECK(net::find_header(refused.headers, "Barrio-Load") == "waiting=2");
  CHECK(world.get("/v2/health/live").status == 200);
  world.backend.slow.release();
  for (const auto& answer : waiting) CHECK(world.wait(answer).status == 200);
}

TEST_CASE("a request that cannot make it is declined at arrival; one whose time runs out in the queue is given up") {
  World world;
  world.load();
  CHECK(world.wait(world.send(infer_request(13, {{"Barrio-Deadline-Ms", "-1"}}))).status == 429);
  const auto slow = world.send_slow();
  const auto late = world.send(infer_request(13, {{"Barrio-Deadline-Ms", "300"}}));
  const auto patient = world.send(infer_request(1, {{"Barrio-Deadline-Ms", "60000"}}));
  world.until(
      [&] { return world.shows(R"(barrio_engine_admitted_total{model="doubler",class="soft",tenant="own"} 3)"); });
  const Time out_of_time = world.reactor.fresh_now() + 310ms;
  world.until([&] { return world.reactor.fresh_now() > out_of_time; });
  world.backend.slow.release();
  CHECK(world.wait(slow).status == 200);
  const auto refused = world.wait(late);
  CHECK(refused.status == 503);
  CHECK(net::find_header(refused.headers, "Retry-After") == "1");
  CHECK(net::find_header(refused.headers, "Barrio-Refused") == "overloaded");
  CHECK(net::find_header(refused.headers, "Server-Timing").value().find("compute;dur=0.000") != std::string::npos);
  CHECK(world.wait(patient).status == 200);
  CHECK(world.backend.runs.all() == std::vector<Runs::Run>{{"doubler", {7}}, {"doubler", {1}}});
}

TEST_CASE("a declined request says when it would have worked, in figures that hold") {
  World world;
  world.load();
  // One run that takes 30 ms and more teaches what the next ones cost.
  const auto slow = world.send_slow();
  const Time taught = world.reactor.fresh_now() + 30ms;
  world.until([&] { return world.reactor.fresh_now() > taught; });
  world.backend.slow.release();
  CHECK(world.wait(slow).status == 200);
  const auto declined = world.wait(world.send(infer_request(1, {{"Barrio-Deadline-Ms", "5"}})));
  CHECK(declined.status == 429);
  CHECK(net::find_header(declined.headers, "Retry-After") == "1");
  const auto earliest = number(declined, "Barrio-Earliest-Ms");
  REQUIRE(earliest);
  CHECK(*earliest >= 30);
  const auto taken = infer_request(1, {{"Barrio-Deadline-Ms", std::to_string(*earliest + 1000)}});
  CHECK(world.wait(world.send(taken)).status == 200);
}

TEST_CASE("several models are served by name, with health for all of them") {
  World world({"one", "two"});
  world.load();
  CHECK(world.wait(world.send(infer_request(1, {}, "one"))).status == 200);
  CHECK(world.wait(world.send(infer_request(2, {}, "two"))).body.find(R"("model_name":"two")") != std::string::npos);
  CHECK(world.backend.runs.all() == std::vector<Runs::Run>{{"one", {1}}, {"two", {2}}});
  bool failed = false;
  world.engine.load("three", {.builtin = "bad"}, [&](Result<void> loaded) { failed = !loaded.has_value(); });
  world.until([&] { return failed; });
  CHECK(world.get("/v2/models/three/ready").body.find("false") != std::string::npos);
  CHECK(world.get("/v2/health/ready").status == 200);
}

TEST_CASE("a version can be named") {
  World world;
  world.load();
  bool loaded = false;
  world.engine.load("doubler", {.share = 0}, [&](Result<void> result) { loaded = result.has_value(); });
  world.until([&] { return loaded; });
  CHECK(world.get("/v2/models/doubler").body.find(R"("versions":["1","2"])") != std::string::npos);
  net::Request request = infer_request(4);
  request.target = "/v2/models/doubler/versions/2/infer";
  CHECK(world.wait(world.send(request)).status == 200);
  CHECK(world.get("/v2/models/doubler/versions/2/ready").status == 200);
  const auto statistics = world.engine.statistics("doubler", "2");
  REQUIRE(statistics);
  CHECK(statistics->front().inference_count == 1);
  request.target = "/v2/models/doubler/versions/3/infer";
  const auto missing = world.wait(world.send(request));
  CHECK(missing.status == 404);
  CHECK(api::parse_error(missing.body) == "model doubler has version 1, 2, not 3");
}

TEST_CASE("large JSON is read and printed off the loop, with the same answer") {
  World world({"doubler"}, {.json_on_loop = 16});
  world.load();
  CHECK(world.wait(world.send(infer_request(21))).body.find("[42]") != std::string::npos);
  net::Request request = infer_request(1);
  request.body = R"({"inputs":[{"name":"x","shape":[100],"datatype":"UINT8","data":[)";
  for (int i = 0; i < 100; ++i) request.body += i == 0 ? "3" : ",3";
  request.body += "]}]}";
  const auto answer = world.wait(world.send(request));
  CHECK(answer.status == 200);
  CHECK(answer.body.find("[6,6,6") != std::string::npos);
  request.body = "{";
  request.body.append(100, ' ');
  CHECK(world.wait(world.send(request)).status == 400);
}

TEST_CASE("one body is bounded, whatever its path") {
  World world({"doubler"}, {.body_bytes = 1000});
  world.load();
  for (const std::string target : {"/v2/models/doubler/infer", "/v2/models/doubler"}) {
    const net::Request large{.method = "POST", .target = target, .body = std::string(2000, ' ')};
    CHECK(world.wait(world.send(large)).status == 413);
  }
  CHECK(world.wait(world.send(infer_request(1))).status == 200);
}

TEST_CASE("bodies that are held are bounded") {
  World world({"doubler"}, {.held_bytes = 1000});
  world.load();
  net::Request large = infer_request(1);
  large.body.append(2000, ' ');
  const auto refused = world.wait(world.send(large));
  CHECK(refused.status == 503);
  CHECK(api::parse_error(refused.body) == "the engine holds 1000 bytes of bodies");
  world.until([&] { return world.shows("barrio_engine_body_bytes 0"); });
  CHECK(world.wait(world.send(infer_request(1))).status == 200);
}

namespace {

/// A client that goes away before its answer.
struct Leaver final : net::CallHandler {
  void on_head(const net::ResponseHead&) override {}
  void on_body(std::string_view) override {}
  void on_done() override {}
  void on_error(net::CallError) override {}
  void on_writable() override {}
};

}  // namespace

TEST_CASE("what waits for a client that has gone is not run, whatever socket it came by") {
  World world;
  world.load();
  const auto slow = world.send_slow();
  const net::Request request = infer_request(5);
  const std::string path = "/tmp/barrio-rest-front-test-" + std::to_string(getpid());
  const auto by_file = world.door.listen(*net::SocketAddress::parse("unix:" + path));
  REQUIRE(by_file);
  int left = 0;
  for (const net::SocketAddress& address : {*by_file, world.address}) {
    Leaver leaver;
    net::Call& call = world.client.start(address,
                                         {.method = "POST",
                                          .target = request.target,
                                          .length = request.body.size(),
                                          .deadline = world.reactor.fresh_now() + 10s},
                                         leaver);
    call.write(request.body);
    call.end();
    world.until([&] { return world.shows(R"(barrio_engine_waiting{model="doubler"} 1)"); });
    call.cancel();
    world.until([&] { return world.shows(R"(barrio_engine_waiting{model="doubler"} 0)"); });
    CHECK(world.shows("reason=\"cancelled\"} " + std::to_string(++left)));
  }
  world.backend.slow.release();
  CHECK(world.wait(slow).status == 200);
  CHECK(world.backend.runs.all() == std::vector<Runs::Run>{{"doubler", {7}}});
  unlink(path.c_str());
}

namespace {

/// Ends the process's engine as a supervisor would, once it is up.
class EndingBackend final : public ports::InferenceBackend {
 public:
  Result<std::unique_ptr<ports::Model>> load(const ports::LoadSpec& spec) override {
    kill(getpid(), SIGTERM);
    return backend.load(spec);
  }
  FakeBackend backend;
};

EngineOptions options_for(const std::string& listen, const std::string& builtin) {
  return {.own = ReplicaOptions{.listen = listen, .models = {{"m", {.builtin = builtin}}}}};
}

}  // namespace

TEST_CASE("the process's exit code says how the engine ended") {
  FakeBackend backend;
  CHECK(run_engine(options_for("127.0.0.1:0", "bad"), {{"fake", &backend}}) == exit_model_failed);
  CHECK(run_engine(options_for("127.0.0.1:0", ""), {{"fake", &backend}}) == exit_model_failed);
  CHECK(run_engine(options_for("nowhere", "good"), {{"fake", &backend}}) == 2);
  EndingBackend ending;
  CHECK(run_engine(options_for("127.0.0.1:0", "good"), {{"fake", &ending}}) == 0);
}

}  // namespace barrio::engine::rest_front_test
