#include <doctest/doctest.h>

#include "adapters/oip/fake_server_test.h"
#include "adapters/oip/oip_backend.h"
#include "api/oip/message.h"
#include "base/text.h"
#include "net/reactor.h"

namespace barrio::adapters::rest_remote_test {
using namespace barrio::adapters::oip::test;
using ports::DataType;

namespace {

const ports::ModelInfo doubler{
    "doubler", "fake", {{"x", DataType::UINT8, {-1, 1}}}, {{"y", DataType::UINT8, {-1, 1}}}, 8};

const std::vector<std::string> versions{"1"};

ports::InferenceRequest request_of(const std::string& bytes) {
  return {{{"x", DataType::UINT8, {static_cast<int64_t>(bytes.size()), 1}, bytes}}, ""};
}

/// A server with a model that doubles bytes; 13 is a bad request, 14 breaks it, 15 never ends.
struct Doubler {
  explicit Doubler(int rows = 4) : max_batch_size(rows) {}

  std::optional<net::Response> answer(const net::Request& request) const {
    const std::string_view path = request.path();
    if (path == "/v2/models/doubler") return net::Response{200, {}, api::print_model_metadata(doubler, versions)};
    if (path == "/v2/models/doubler/config" && max_batch_size >= 0)
      return net::Response{200, {}, R"({"name":"doubler","max_batch_size":)" + std::to_string(max_batch_size) + "}"};
    if (path != "/v2/models/doubler/infer") return net::Response{404, {}, api::print_error("unknown here")};
    const auto length = net::find_header(request.headers, api::json_length_header);
    auto infer = api::parse_infer_request(request.body, parse_uint(*length), doubler);
    if (!infer) return net::Response{400, {}, api::print_error(infer.error().text())};
    ports::Tensor output = infer->inputs.at(0);
    output.name = "y";
    for (char& byte : output.data) {
      if (byte == 13) return net::Response{400, {}, api::print_error("13 is not a byte of mine")};
      if (byte == 14) return net::Response{500, {}, api::print_error("it broke")};
      if (byte == 15) return std::nullopt;
      byte = static_cast<char>(byte * 2);
    }
    auto message = api::print_infer_response({"doubler", "", {output}}, *infer);
    net::Response response{200, {}, std::move(message->body)};
    if (message->json_length)
      response.headers.emplace_back(api::json_length_header, std::to_string(*message->json_length));
    return response;
  }

  int max_batch_size;  // negative: no such extension
  FakeServer server{[this](const net::Request& request) { return answer(request); }};
};

std::unique_ptr<ports::Model> load(const std::string& settings) {
  auto model = OipBackend().load({"ours", settings, ""});
  REQUIRE_MESSAGE(model, (model ? "" : model.error().text()));
  return std::move(*model);
}

size_t infers(const FakeServer& server) {
  size_t count = 0;
  for (const auto& request : server.seen()) count += request.path().ends_with("/infer") ? 1 : 0;
  return count;
}

}  // namespace

TEST_CASE("a remote model is loaded with its server's description, under our name") {
  const Doubler remote;
  const auto model = load("model=doubler,url=" + remote.server.url());
  CHECK(model->info().name == "ours");
  CHECK(model->info().platform == "fake");
  CHECK(model->info().max_batch == 4);
  CHECK(model->info().inputs[0].shape == std::vector<int64_t>{-1, 1});
  CHECK(load("model=doubler,max_batch=3,url=" + remote.server.url())->info().max_batch == 3);
  CHECK(load("model=doubler,max_batch=9,url=" + remote.server.url())->info().max_batch == 4);
  const Doubler silent(-1);
  CHECK(load("model=doubler,url=" + silent.server.url())->info().max_batch == 1);
  CHECK(load("model=doubler,max_batch=3,url=" + silent.server.url())->info().max_batch == 3);
  const Doubler batchless(0);
  CHECK(load("model=doubler,max_batch=3,url=" + batchless.server.url())->info().max_batch == 1);
}

TEST_CASE("requests that fit together are one request there, and each gets its own answer") {
  const Doubler remote;
  const auto model = load("model=doubler,url=" + remote.server.url());
  const std::vector batch{request_of("\x01"), request_of("\x02\x03"), request_of("\x04")};
  const auto answers = model->run(batch);
  REQUIRE(answers.size() == 3);
  CHECK(answers[0]->at(0).data == "\x02");
  CHECK(answers[1]->at(0).data == "\x04\x06");
  CHECK(answers[1]->at(0).shape == std::vector<int64_t>{2, 1});
  CHECK(answers[2]->at(0).data == "\x08");
  CHECK(infers(remote.server) == 1);
}

TEST_CASE("a wrong request fails alone, in its server's words") {
  const Doubler remote;
  const auto model = load("model=doubler,url=" + remote.server.url());
  auto misnamed = request_of("\x01");
  misnamed.inputs[0].name = "z";
  const std::vector batch{request_of("\x01"), request_of("\x0d"), misnamed, request_of("\x0e")};
  const auto answers = model->run(batch);
  REQUIRE(answers[0]);
  CHECK(answers[0]->at(0).data == "\x02");
  CHECK(answers[1].error().code == Code::invalid);
  CHECK(answers[1].error().what.find("answered 400: 13 is not a byte of mine") != std::string::npos);
  CHECK(answers[1].error().what.starts_with("model doubler at 127.0.0.1:"));
  CHECK(answers[2].error().text() == "input 'x': is missing");
  CHECK(answers[3].error().code == Code::unavailable);
  CHECK(answers[3].error().what.find("answered 500: it broke") != std::string::npos);
}

TEST_CASE("the server is told what is left of the time, in its words and in ours") {
  const Doubler remote;
  const auto model = load("model=doubler,url=" + remote.server.url());
  auto request = request_of("\x01");
  request.deadline = net::read_clock() + 5s;
  REQUIRE(ports::run_alone(*model, request));
  const net::Request sent = remote.server.seen().back();
  const double ms = *parse_double(*net::find_header(sent.headers, "Barrio-Deadline-Ms"));
  CHECK(ms > 3000);
  CHECK(ms <= 5000);
  const size_t at = sent.body.find(R"("timeout":)");
  REQUIRE(at != std::string::npos);
  const double us = std::stod(sent.body.substr(at + 10));
  CHECK(us > 3'000'000);
  CHECK(us <= 5'000'000);
}

TEST_CASE("a batch that is late for its first request is not lost for the others") {
  const Doubler remote;
  const auto model = load("model=doubler,url=" + remote.server.url());
  std::vector batch{request_of("\x01"), request_of("\x02")};
  batch[0].deadline = net::read_clock() - 1ms;
  batch[1].deadline = net::read_clock() + 5s;
  const auto answers = model->run(batch);
  REQUIRE(answers[1]);
  CHECK(answers[1]->at(0).data == "\x04");
  CHECK(answers[0].has_value());  // late: whoever asked counts it so
  CHECK(infers(remote.server) == 1);
}

TEST_CASE("a request whose time is over is not sent, and one that gets no answer ends a grace after its deadline") {
  const Doubler remote;
  const auto model = load("model=doubler,grace=30ms,url=" + remote.server.url());
  auto request = request_of("\x01");
  request.deadline = net::read_clock() - 1ms;
  CHECK(ports::run_alone(*model, request).error().code == Code::timed_out);
  CHECK(infers(remote.server) == 0);
  request = request_of("\x0f");
  request.deadline = net::read_clock() + 50ms;
  CHECK(ports::run_alone(*model, request).error().code == Code::timed_out);
  CHECK(net::read_clock() >= *request.deadline + 30ms);
  // And the next one works.
  CHECK(ports::run_alone(*model, request_of("\x01")));
  const auto hasty = load("model=doubler,timeout=50ms,grace=0s,url=" + remote.server.url());
  CHECK(ports::run_alone(*hasty, request_of("\x0f")).error().code == Code::timed_out);
}

TEST_CASE("what a server cannot do is said as it says it") {
  const Doubler remote;
  const auto unknown = OipBackend().load({"other", "url=" + remote.server.url(), ""});
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().code == Code::not_found);
  CHECK(unknown.error().text().find("answered 404: unknown here") != std::string::npos);
  CHECK(OipBackend().load({"m", "", "model.onnx"}).error().code == Code::unsupported);
  CHECK(OipBackend().load({"m", "url=http://nowhere", ""}).error().where == "oip: url");
  CHECK(OipBackend().load({"m", "url=http://127.0.0.1:1,timeout=0s", ""}).error().where == "oip: timeout");
  CHECK(OipBackend().load({"m", "url=http://127.0.0.1:1,grace=2h", ""}).error().where == "oip: grace");
  CHECK(OipBackend().load({"m", "uri=http://127.0.0.1:1", ""}).error().where == "oip: uri");
  FakeServer busy([](const net::Request&) { return net::Response{503, {}, api::print_error("loading")}; });
  const auto early = OipBackend().load({"m", "url=" + busy.url(), ""});
  CHECK(early.error().code == Code::exhausted);
  CHECK(early.error().text().find("loading") != std::string::npos);
}

TEST_CASE("servers that close, send no HTTP or send nonsense are unavailable") {
  for (const char* bytes : {"", "220 mail ready\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{}",
                            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"}) {
    RawServer server(bytes);
    const auto model = OipBackend().load({"m", "url=http://" + server.authority(), ""});
    REQUIRE_FALSE(model);
    CHECK_MESSAGE(model.error().code == Code::unavailable, bytes);
  }
  std::string nobody;
  {
    RawServer gone("");
    nobody = gone.authority();
  }
  CHECK(OipBackend().load({"m", "url=http://" + nobody, ""}).error().code == Code::unavailable);
}

TEST_CASE("an answer that does not fit its own description fails its requests only") {
  int count = 0;
  FakeServer server([&](const net::Request& request) -> net::Response {
    if (request.path() == "/v2/models/m") return {200, {}, api::print_model_metadata(doubler, versions)};
    if (request.path() == "/v2/models/m/config") return {200, {}, "not JSON"};
    const char* answers[] = {"{}", R"({"outputs":[{"name":"y","shape":[2,1],"datatype":"UINT8","data":[1]}]})",
                             R"({"outputs":[{"name":"y","shape":[1,1],"datatype":"UINT8","data":[1]}]})"};
    return {200, {}, answers[count++ % 3]};
  });
  const auto model = load("model=m,url=" + server.url());
  CHECK(ports::run_alone(*model, request_of("\x01")).error().code == Code::unavailable);
  CHECK(ports::run_alone(*model, request_of("\x01")).error().code == Code::unavailable);
  CHECK(ports::run_alone(*model, request_of("\x01")));
}

}  // namespace barrio::adapters::rest_remote_test
