#include "engine/engine_server.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <csignal>
#include <future>

#include "api/oip/message.h"
#include "engine/engine_main.h"
#include "net/client.h"

using namespace barrio;
using namespace barrio::engine;
using ports::DataType;
using ports::Tensor;

namespace {

/// Opened by the test, so that a slow model is slow exactly as long as the test wants.
struct Gate {
  ~Gate() { release(); }
  void release() {
    if (!std::exchange(released, true)) promise.set_value();
  }
  bool released = false;
  std::promise<void> promise;
  std::shared_future<void> open = promise.get_future().share();
};

/// Doubles bytes; 13 makes it fail; 7 waits for the gate.
class FakeModel final : public ports::Model {
 public:
  FakeModel(std::string name, Gate& gate)
      : info_{std::move(name), "fake", {{"x", DataType::UINT8, {-1}}}, {{"y", DataType::UINT8, {-1}}}}, gate_(gate) {}
  const ports::ModelInfo& info() const override { return info_; }
  std::vector<Result<ports::Outputs>> run(std::span<const ports::InferenceRequest> batch) override {
    std::vector<Result<ports::Outputs>> answers;
    for (const auto& request : batch) answers.push_back(run_one(request));
    return answers;
  }
  Result<ports::Outputs> run_one(const ports::InferenceRequest& request) {
    Tensor answer = request.inputs.at(0);
    answer.name = "y";
    for (char& byte : answer.data) {
      if (byte == 13) return fail(Code::unavailable, "the model broke");
      if (byte == 7) gate_.open.wait();
      byte = static_cast<char>(byte * 2);
    }
    return std::vector{answer};
  }

 private:
  ports::ModelInfo info_;
  Gate& gate_;
};

class FakeBackend final : public ports::InferenceBackend {
 public:
  Result<std::unique_ptr<ports::Model>> load(const ports::LoadSpec& spec) override {
    loading.open.wait();
    if (spec.path == "bad") return fail(Code::invalid, "no model in it", "bad");
    return std::make_unique<FakeModel>(spec.name, slow);
  }
  Gate loading;
  Gate slow;
};

struct World {
  explicit World(EngineConfig config = {.model = {"doubler", "", "good"}, .queue = 2})
      : server(reactor, backend, std::move(config), registry, [this](Error error) { failure = std::move(error); }),
        address(*server.listen(*net::SocketAddress::parse("127.0.0.1:0"))) {}

  /// A failed test must not hang on a worker that waits.
  ~World() {
    backend.loading.release();
    backend.slow.release();
  }

  void until(const std::function<bool()>& done) {
    const Time limit = reactor.fresh_now() + 10s;
    while (!done() && reactor.now() < limit) reactor.turn(100ms);
    REQUIRE(done());
  }
  void load() {
    backend.loading.release();
    until([&] { return server.ready(); });
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

  Registry registry;
  net::Reactor reactor;
  FakeBackend backend;
  std::optional<Error> failure;
  EngineServer server;
  net::SocketAddress address;
  net::Client client{reactor, {}};
};

net::Request infer_request(int value, net::OwnedHeaders headers = {}) {
  return {.method = "POST",
          .target = "/v2/models/doubler/infer",
          .headers = std::move(headers),
          .body = R"({"id":"a","inputs":[{"name":"x","shape":[1],"datatype":"UINT8","data":[)" + std::to_string(value) +
                  "]}]}"};
}

}  // namespace

TEST_CASE("an engine is live at once and ready when its model is loaded") {
  World world;
  CHECK(world.get("/v2/health/live").status == 200);
  CHECK(world.get("/v2/health/ready").status == 503);
  CHECK(world.get("/v2/models/doubler/ready").status == 503);
  CHECK(world.wait(world.send(infer_request(1))).status == 503);
  world.load();
  CHECK(world.get("/v2/health/ready").status == 200);
  CHECK(world.get("/v2/models/doubler/ready").body == R"({"name":"doubler","ready":true})");
  CHECK(world.get("/v2").body.find("binary_tensor_data") != std::string::npos);
  CHECK(world.get("/v2/models/doubler/versions/1").body.find(R"("platform":"fake")") != std::string::npos);
}

TEST_CASE("an answer carries the outputs, its times and the load") {
  World world;
  world.load();
  const auto answer = world.wait(world.send(infer_request(21)));
  CHECK(answer.status == 200);
  CHECK(answer.body ==
        R"({"model_name":"doubler","id":"a","outputs":[{"name":"y","datatype":"UINT8","shape":[1],"data":[42]}]})");
  CHECK(net::find_header(answer.headers, "Server-Timing").value().starts_with("queue;dur="));
  CHECK(net::find_header(answer.headers, "Server-Timing").value().find(", compute;dur=") != std::string::npos);
  CHECK(net::find_header(answer.headers, "Barrio-Load") == "waiting=0");
  CHECK(world.get("/metrics").body.find(R"(barrio_engine_requests_total{model="doubler",outcome="answered"} 1)") !=
        std::string::npos);
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
}

TEST_CASE("bad requests get the protocol's error object and a fitting status") {
  World world;
  world.load();
  CHECK(world.get("/v2/models/doubler/infer").status == 405);
  CHECK(world.get("/v2/models/other").status == 404);
  CHECK(world.get("/v2/models/doubler/versions/2").status == 404);
  CHECK(world.get("/v3").status == 404);
  net::Request request = infer_request(1);
  request.body = R"({"inputs":[{"name":"x","shape":[2],"datatype":"UINT8","data":[1]}]})";
  const auto answer = world.wait(world.send(request));
  CHECK(answer.status == 400);
  CHECK(api::parse_error(answer.body) == "input 'x': 'data' has 1 elements, but shape [2] asks for 2");
  request.body = R"({"inputs":[],"outputs":[{"name":"z"}]})";
  CHECK(api::parse_error(world.wait(world.send(request)).body) == "output 'z': is not an output of model doubler");
  CHECK(world.wait(world.send(infer_request(1, {{"Barrio-Deadline-Ms", "soon"}}))).status == 400);
  CHECK(world.wait(world.send(infer_request(1, {{"Inference-Header-Content-Length", "x"}}))).status == 400);
}

TEST_CASE("a failing run is a 500 and the next one works") {
  World world;
  world.load();
  const auto failed = world.wait(world.send(infer_request(13)));
  CHECK(failed.status == 500);
  CHECK(api::parse_error(failed.body) == "the model broke");
  CHECK(world.wait(world.send(infer_request(1))).status == 200);
}

TEST_CASE("a full queue answers 503 at once, and what waits is answered in the end") {
  World world;
  world.load();
  std::vector<World::Answer> waiting;
  for (int i = 0; i < 3; ++i) {
    waiting.push_back(world.send(infer_request(7)));
    world.until([&] { return !world.server.idle(); });
  }
  // Two wait behind the one that runs: the gauge says when both have arrived.
  world.until(
      [&] { return world.registry.text().find(R"(barrio_engine_waiting{model="doubler"} 2)") != std::string::npos; });
  const auto refused = world.wait(world.send(infer_request(1)));
  CHECK(refused.status == 503);
  CHECK(net::find_header(refused.headers, "Retry-After") == "1");
  CHECK(net::find_header(refused.headers, "Barrio-Load") == "waiting=2");
  CHECK(world.get("/v2/health/live").status == 200);
  world.backend.slow.release();
  for (const auto& answer : waiting) CHECK(world.wait(answer).status == 200);
}

TEST_CASE("a request whose time ran out is answered 503 without a run") {
  World world;
  world.load();
  CHECK(world.wait(world.send(infer_request(13, {{"Barrio-Deadline-Ms", "-1"}}))).status == 503);
  const auto slow = world.send(infer_request(7));
  world.until([&] { return !world.server.idle(); });
  const auto late = world.send(infer_request(13, {{"Barrio-Deadline-Ms", "0.001"}}));
  const auto patient = world.send(infer_request(1, {{"Barrio-Deadline-Ms", "60000"}}));
  world.until(
      [&] { return world.registry.text().find(R"(barrio_engine_waiting{model="doubler"} 2)") != std::string::npos; });
  world.backend.slow.release();
  CHECK(world.wait(slow).status == 200);
  const auto refused = world.wait(late);
  CHECK(refused.status == 503);
  CHECK(net::find_header(refused.headers, "Server-Timing").value().find("compute;dur=0.000") != std::string::npos);
  CHECK(world.wait(patient).status == 200);
}

TEST_CASE("a model that cannot be loaded is told with the reason") {
  World world({.model = {"doubler", "", "bad"}, .workers = 2});
  world.backend.loading.release();
  world.until([&] { return world.failure.has_value(); });
  CHECK(world.failure->text() == "bad: no model in it");
  CHECK_FALSE(world.server.ready());
}

namespace {

/// Ends the process's engine as a supervisor would, once it is up.
class EndingBackend final : public ports::InferenceBackend {
 public:
  Result<std::unique_ptr<ports::Model>> load(const ports::LoadSpec& spec) override {
    kill(getpid(), SIGTERM);
    return std::make_unique<FakeModel>(spec.name, gate);
  }
  Gate gate;
};

}  // namespace

TEST_CASE("the process's exit code says how the engine ended") {
  FakeBackend backend;
  backend.loading.release();
  CHECK(run_engine({.listen = "127.0.0.1:0", .name = "m", .builtin = "", .model_path = "bad"}, backend) ==
        exit_model_failed);
  CHECK(run_engine({.listen = "nowhere", .name = "m", .builtin = "", .model_path = "good"}, backend) == 2);
  EndingBackend ending;
  CHECK(run_engine({.listen = "127.0.0.1:0", .name = "m", .builtin = "", .model_path = "good"}, ending) == 0);
}

TEST_CASE("a stale mean is not believed, so that a slow spell ends") {
  ServiceTime service;
  const Time start{};
  CHECK_FALSE(service.expected(start));
  service.add(100ms, start);
  CHECK(service.expected(start + 900ms) == 100ms);
  CHECK_FALSE(service.expected(start + 1100ms));
}

TEST_CASE("a prediction counts what waits and half of what runs, shared by the workers") {
  ServiceTime service;
  const Time now{};
  service.add(100ms, now);
  CHECK(predicted_answer({.waiting = 0, .running = 0, .workers = 1}, service, now) == now + 100ms);
  CHECK(predicted_answer({.waiting = 0, .running = 1, .workers = 2}, service, now) == now + 100ms);
  CHECK(predicted_answer({.waiting = 2, .running = 1, .workers = 1}, service, now) == now + 350ms);
  CHECK(predicted_answer({.waiting = 3, .running = 2, .workers = 2}, service, now) == now + 300ms);
}
