#include "engine/grpc_front.h"

#include <doctest/doctest.h>

#include "api/grpc/framing.h"
#include "api/grpc/status.h"
#include "api/oip/grpc_infer.h"
#include "api/oip/grpc_messages.h"
#include "engine/fake_service_test.h"
#include "engine/front_door.h"
#include "net/client.h"
#include "ports/tensor.h"

namespace barrio::engine::grpc_front_test {
namespace {

using namespace std::string_literals;
using ports::Tensor;

/// What comes of one call.
struct Told final : net::CallHandler {
  int status = 0;
  net::OwnedHeaders fields;  // headers and trailers
  std::vector<std::string> messages;
  bool done = false;
  api::GrpcReader reader{1 << 26};

  void keep(std::span<const net::Header> headers) {
    for (const net::Header& header : headers) fields.emplace_back(header.name, header.value);
  }
  void on_head(const net::ResponseHead& head) override {
    status = head.status;
    keep(head.headers);
  }
  void on_body(std::string_view piece) override {
    while (*reader.read(piece)) messages.push_back(std::move(reader.message()));
  }
  void on_trailers(std::span<const net::Header> trailers) override { keep(trailers); }
  void on_done() override { done = true; }
  void on_error(net::CallError error) override {
    fields.emplace_back("error", error.error.text());
    done = true;
  }
  void on_writable() override { room = true; }
  bool room = true;

  std::string field(std::string_view name) const { return std::string(net::find_header(fields, name).value_or("")); }
  std::string grpc_status() const { return field("grpc-status"); }
};

struct World {
  explicit World(GrpcFrontConfig config = {}, net::ServerLimits limits = {})
      : front(reactor, service, repository, registry, std::move(config)),
        door(reactor, std::move(limits), {&front}),
        endpoint(*door.listen(*net::SocketAddress::parse("127.0.0.1:0"))) {
    endpoint.protocol = net::Protocol::http2;
  }

  void until(const std::function<bool()>& done) {
    const Time limit = reactor.fresh_now() + 10s;
    while (!done() && reactor.now() < limit) reactor.turn(100ms);
    REQUIRE(done());
  }
  net::Call& start(Told& told, std::string_view method, std::vector<net::Header> headers = {}) {
    const std::string target = "/inference.GRPCInferenceService/" + std::string(method);
    headers.push_back({"Content-Type", "application/grpc"});
    return client.start(endpoint,
                        {.method = "POST",
                         .target = target,
                         .headers = headers,
                         .length = std::nullopt,
                         .deadline = reactor.fresh_now() + 10s,
                         .takes_trailers = true},
                        told);
  }
  /// A call with this body.
  Told call_with(std::string_view method, std::string_view body, std::vector<net::Header> headers = {}) {
    Told told;
    net::Call& call = start(told, method, std::move(headers));
    call.write(body);
    call.end();
    until([&] { return told.done; });
    return told;
  }
  Told call(std::string_view method, std::string_view message = "", std::vector<net::Header> headers = {}) {
    return call_with(method, api::grpc_frame(message), std::move(headers));
  }

  net::Reactor reactor;
  FakeService service;
  FakeRepository repository;
  Registry registry;
  GrpcFront front;
  FrontDoor door;
  net::Endpoint endpoint;
  net::Client client{reactor, {}};
};

std::string infer_message(const std::string& data, bool raw = true, const std::string& model = "doubler",
                          const std::string& id = "a") {
  api::GrpcInferRequest request{model, "", raw, {}};
  request.request.id = id;
  request.request.inputs.push_back({"x", ports::DataType::UINT8, {static_cast<int64_t>(data.size())}, data});
  std::string message;
  REQUIRE(api::append_grpc_infer_request(request, message));
  return message;
}

/// field 1, text
std::string named(std::string_view name) {
  return "\x0a"s + static_cast<char>(name.size()) + std::string(name);
}

TEST_CASE("an inference is answered the way it was asked, raw or typed") {
  World w;
  for (const bool raw : {true, false}) {
    const Told told = w.call("ModelInfer", infer_message("\1\2", raw));
    CHECK(told.status == 200);
    CHECK(told.field("content-type") == "application/grpc");
    CHECK(told.grpc_status() == "0");
    REQUIRE(told.messages.size() == 1);
    const auto answer = api::parse_grpc_infer_response(told.messages.front());
    REQUIRE(answer);
    CHECK(answer->id == "a");
    CHECK(answer->model_name == "doubler");
    CHECK(answer->outputs.at(0).data == "\2\4");
    CHECK((told.messages.front().find("\2\4"s) != std::string::npos));
    CHECK(told.field("server-timing") == "queue;dur=2.000, compute;dur=3.000");
    CHECK(told.field("barrio-load") == "waiting=0");
  }
  CHECK(w.front.idle());
}

TEST_CASE("the time of a call is grpc-timeout from its first byte, the shorter one where there are two") {
  World w;
  CHECK(w.call("ModelInfer", infer_message("\1"), {{"grpc-timeout", "250m"}, {"Barrio-Class", "hard"}}).grpc_status() ==
        "0");
  CHECK(*w.service.last->deadline - w.service.last->arrived == 250ms);
  CHECK(w.service.last->urgency == UrgencyClass::hard);
  w.call("ModelInfer", infer_message("\1"), {{"grpc-timeout", "2S"}, {"Barrio-Deadline-Ms", "40.5"}});
  CHECK(*w.service.last->deadline - w.service.last->arrived == 40500us);
  const Told bad = w.call("ModelInfer", infer_message("\1"), {{"grpc-timeout", "soon"}});
  CHECK(bad.grpc_status() == "3");
  CHECK(bad.field("grpc-message").starts_with("grpc-timeout: must be"));
  // Triton's parameter, in microseconds.
  api::GrpcInferRequest request{"doubler", "", true, {}};
  request.request.inputs.push_back({"x", ports::DataType::UINT8, {1}, "\1"});
  request.request.parameters = {{"sigma", 0.5}, {"timeout", int64_t{30'000}}};
  std::string message;
  REQUIRE(api::append_grpc_infer_request(request, message));
  w.call("ModelInfer", message);
  CHECK(*w.service.last->deadline - w.service.last->arrived == 30ms);
  CHECK(w.service.last->request.parameters == ports::Parameters{{"sigma", 0.5}});
}

TEST_CASE("what is declined says so, and when it would work") {
  World w;
  using Why = Declined::Why;
  const auto status = [&](Declined declined) {
    w.service.declines = std::move(declined);
    return w.call("ModelInfer", infer_message("\1"));
  };
  const Told busy = status({.why = Why::too_late, .what = "no: 100 %", .retry_after = 30ms, .earliest = 45ms});
  CHECK(busy.grpc_status() == "8");
  CHECK(busy.field("grpc-message") == "no: 100 %25");
  CHECK(busy.field("grpc-retry-pushback-ms") == "30");
  CHECK(busy.field("barrio-earliest-ms") == "45");
  CHECK(status({.why = Why::overloaded, .what = "later", .waited = true}).grpc_status() == "14");
  const Told loading = status({.why = Why::not_ready, .what = "loading"});
  CHECK(loading.grpc_status() == "14");
  CHECK(loading.field("grpc-retry-pushback-ms") == "");
  w.service.declines.reset();
  const Told unknown = w.call("ModelInfer", infer_message("\1", true, "none"));
  CHECK(unknown.grpc_status() == "5");
  CHECK(unknown.field("grpc-message") == "there is no model none");
}

TEST_CASE("errors of a request name the tensor or output") {
  World w;
  api::GrpcInferRequest request{"doubler", "", true, {}};
  request.request.inputs.push_back({"z", ports::DataType::UINT8, {1}, "\1"});
  std::string message;
  REQUIRE(api::append_grpc_infer_request(request, message));
  const Told told = w.call("ModelInfer", message);
  CHECK(told.grpc_status() == "3");
  CHECK(told.field("grpc-message") == "input 'x': is missing");
  request.request.inputs.front().name = "x";
  request.request.outputs = {{"q", {}}};
  message.clear();
  REQUIRE(api::append_grpc_infer_request(request, message));
  CHECK(w.call("ModelInfer", message).field("grpc-message") == "output 'q': is not an output of model doubler");
}

TEST_CASE("framing: not one whole message, too long, compressed") {
  World w({.message_bytes = 1000});
  CHECK(w.call_with("ModelInfer", "").grpc_status() == "3");
  CHECK(w.call_with("ModelInfer", "\0\0\0\0\5ab"s).grpc_status() == "3");
  CHECK(w.call_with("ModelInfer", api::grpc_frame("") + api::grpc_frame("")).grpc_status() == "3");
  CHECK(w.call("ModelInfer", std::string(2000, 'x')).grpc_status() == "8");
  CHECK(w.call_with("ModelInfer", "\1\0\0\0\0"s).grpc_status() == "12");
  const Told gzip = w.call("ModelInfer", "", {{"grpc-encoding", "gzip"}});
  CHECK(gzip.grpc_status() == "12");
  CHECK(gzip.field("grpc-accept-encoding") == "identity");
  CHECK(w.call("ModelInfer", "\xff\xff").grpc_status() == "3");
  CHECK(w.call("NoSuchMethod").grpc_status() == "12");
  CHECK(w.call("ServerLive", "", {{"grpc-encoding", "identity"}}).grpc_status() == "0");
}

TEST_CASE("a call is counted as one over REST is, and one that does not fit its model goes no further") {
  World w;
  CHECK(w.call("ModelInfer", infer_message("a")).grpc_status() == "0");
  api::GrpcInferRequest wrong{"doubler", "", true, {}};
  wrong.request.inputs.push_back({"x", ports::DataType::INT8, {1}, "a"});
  std::string message;
  REQUIRE(api::append_grpc_infer_request(wrong, message));
  w.service.last.reset();
  CHECK(w.call("ModelInfer", message).grpc_status() == "3");
  CHECK(!w.service.last);
  const std::string told = w.registry.text();
  const auto shows = [&](const std::string& line) { return told.find(line) != std::string::npos; };
  CHECK(shows(R"(barrio_engine_requests_total{model="doubler",outcome="rejected"} 1)"));
  for (const auto& [stage, count] : {std::pair("front", "2"), {"decode", "1"}, {"reply", "1"}}) {
    CHECK(shows("barrio_engine_stage_seconds_count{model=\"doubler\",stage=\"" + std::string(stage) + "\"} " + count));
  }
}

TEST_CASE("questions about server and models") {
  World w;
  CHECK(w.call("ServerLive").messages.at(0) == "\x08\1"s);
  CHECK(w.call("ServerReady").messages.at(0) == "\x08\1"s);
  CHECK(w.call("ModelReady", named("doubler")).messages.at(0) == "\x08\1"s);
  CHECK(w.call("ModelReady", named("none")).messages.at(0).empty());
  CHECK(w.call("ServerMetadata").messages.at(0).find("binary_tensor_data") != std::string::npos);
  const std::vector<std::string> versions = {"1"};
  CHECK(w.call("ModelMetadata", named("doubler")).messages.at(0) ==
        api::print_grpc_model_metadata(*w.service.find("doubler", ""), versions));
  CHECK(w.call("ModelConfig", named("doubler")).messages.at(0).find("doubler") != std::string::npos);
  CHECK(w.call("ModelMetadata", named("none")).grpc_status() == "5");
  CHECK(w.call("ModelStatistics", named("none")).grpc_status() == "5");
  CHECK(w.call("ModelStatistics", named("doubler")).messages.at(0).size() > 20);
  CHECK(w.call("RepositoryIndex").messages.at(0).find("UNAVAILABLE") != std::string::npos);
  CHECK(w.call("RepositoryIndex", "\x10\1"s).messages.at(0).find("UNAVAILABLE") == std::string::npos);
}

TEST_CASE("models are loaded only where that is allowed, and files named only where that is") {
  const std::string load = "\x12\7doubler\x1a\x11\n\4path\x12\x09\x1a\7/a.onnx"s;
  World shows;
  CHECK(shows.call("RepositoryModelLoad", load).grpc_status() == "7");
  World loads({.rights = RepositoryRights::load});
  CHECK(loads.call("RepositoryModelLoad", load).field("grpc-message").starts_with("parameters.path"));
  World w({.rights = RepositoryRights::files});
  Told told;
  net::Call& call = w.start(told, "RepositoryModelLoad");
  call.write(api::grpc_frame(load));
  call.end();
  w.until([&] { return w.repository.done != nullptr; });
  CHECK_FALSE(told.done);
  CHECK(w.repository.loaded == "doubler");
  CHECK(w.repository.parameters.path == "/a.onnx");
  w.repository.done(fail(Code::exhausted, "needs 3 GB"));
  w.until([&] { return told.done; });
  CHECK(told.grpc_status() == "8");
}

TEST_CASE("a caller that leaves is forgotten") {
  World w;
  w.service.holds = true;
  Told told;
  net::Call& call = w.start(told, "ModelInfer");
  call.write(api::grpc_frame(infer_message("\1")));
  call.end();
  w.until([&] { return !w.service.held.empty(); });
  CHECK_FALSE(w.front.idle());
  call.cancel();
  w.until([&] { return w.service.cancelled == 1 && w.front.idle(); });
}

TEST_CASE("a stream's answers come in the order of its requests; an error does not end it") {
  World w;
  w.service.holds = true;
  Told told;
  net::Call& call = w.start(told, "ModelStreamInfer");
  call.write(api::grpc_frame(infer_message("\1", true, "doubler", "first")));
  call.write(api::grpc_frame(infer_message("\2", true, "none", "second")));
  call.write(api::grpc_frame(infer_message("\3", true, "doubler", "third")));
  w.until([&] { return w.service.held.size() == 2; });
  w.service.answer(w.service.held.rbegin()->first);
  w.service.answer(w.service.held.begin()->first);
  w.until([&] { return told.messages.size() == 3; });
  CHECK(told.messages[0].find("first") != std::string::npos);
  CHECK(told.messages[1].find("there is no model none") != std::string::npos);
  CHECK(told.messages[1].find("second") != std::string::npos);
  CHECK(told.messages[2].find("third") != std::string::npos);
  CHECK_FALSE(told.done);
  call.end();
  w.until([&] { return told.done; });
  CHECK(told.grpc_status() == "0");
}

TEST_CASE("a stream is read on only while there is room for its answers") {
  World w({.stream_requests = 4});
  w.service.holds = true;
  Told told;
  net::Call& call = w.start(told, "ModelStreamInfer");
  const std::string frame = api::grpc_frame(infer_message(std::string(100'000, '\1')));
  constexpr size_t count = 60;
  size_t sent = 0;
  size_t most = 0;
  while (told.messages.size() < count) {
    for (; sent < count && told.room; ++sent) told.room = call.write(frame);
    for (int i = 0; i < 3; ++i) w.reactor.turn(1ms);
    most = std::max(most, w.service.held.size());
    if (w.service.held.size() >= 4 || sent == count) {
      if (!w.service.held.empty()) w.service.answer(w.service.held.begin()->first);
    }
  }
  CHECK(most < 10);
  call.end();
  w.until([&] { return told.done; });
  CHECK(told.grpc_status() == "0");
}

TEST_CASE("a large tensor passes whole") {
  World w;
  std::string data(600'000, '\0');
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i % 100);
  const Told told = w.call("ModelInfer", infer_message(data));
  REQUIRE(told.messages.size() == 1);
  const auto answer = api::parse_grpc_infer_response(told.messages.front());
  for (char& byte : data) byte = static_cast<char>(byte * 2);
  CHECK(answer->outputs.at(0).data == data);
}

}  // namespace
}  // namespace barrio::engine::grpc_front_test
