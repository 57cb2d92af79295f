#include <doctest/doctest.h>

#include <atomic>
#include <deque>

#include "adapters/oip/fake_server_test.h"
#include "adapters/oip/grpc_description.h"
#include "adapters/oip/oip_backend.h"
#include "api/grpc/framing.h"
#include "api/grpc/status.h"
#include "api/oip/grpc_infer.h"
#include "api/oip/grpc_messages.h"
#include "api/oip/wire.h"
#include "net/reactor.h"

namespace barrio::adapters::grpc_remote_test {
using namespace barrio::adapters::oip::test;
using ports::DataType;

namespace {

const ports::ModelInfo doubler{
    "doubler", "fake", {{"x", DataType::UINT8, {-1, 1}}}, {{"y", DataType::UINT8, {-1, 1}}}, 4};

ports::InferenceRequest request_of(const std::string& bytes) {
  return {{{"x", DataType::UINT8, {static_cast<int64_t>(bytes.size()), 1}, bytes}}, ""};
}

/// GRPCInferenceService with a model that doubles bytes. 13: INVALID_ARGUMENT, 14: INTERNAL, 15: never, 16: closes,
/// 17: an answer without a message, 18: no gRPC at all.
class GrpcDoubler final : public net::ExchangeHandler {
 public:
  GrpcDoubler()
      : server_(reactor_, {}, *this),
        address_(*server_.listen(*net::SocketAddress::parse("127.0.0.1:0"))),
        thread_(reactor_) {}

  std::string url() const { return "grpc://" + address_.str(); }
  std::atomic<int> infers = 0;
  std::atomic<int64_t> timeout_us = 0;  // of the last, as a parameter
  std::atomic<int64_t> timeout_ns = 0;  // and as grpc-timeout
  std::atomic<bool> has_config = true;

 private:
  void on_head(net::Exchange& exchange) override {
    bodies_.emplace_back();
    exchange.context = &bodies_.back();
  }
  void on_body(net::Exchange& exchange, std::string_view piece) override {
    *static_cast<std::string*>(exchange.context) += piece;
  }
  void on_end(net::Exchange& exchange) override {
    std::string_view body = *static_cast<std::string*>(exchange.context);
    api::GrpcReader reader(1 << 20);
    const auto read = reader.read(body);
    const bool complete = read && *read;
    answer(exchange, complete ? reader.message() : "");
  }
  void on_writable(net::Exchange&) override {}
  void on_closed(net::Exchange&, bool) override {}

  void answer(net::Exchange& exchange, const std::string& message) {
    const std::string_view method = exchange.request().path.substr(api::grpc_service_prefix.size());
    const auto asked = api::parse_grpc_model_name(message);
    if (method == "ModelMetadata" && asked && asked->name != "doubler")
      return finish(exchange, api::GrpcStatus::not_found, "no model 'm\u00f6del'", std::nullopt);
    const std::vector<std::string> versions{"1"};
    if (method == "ModelMetadata")
      return finish(exchange, api::GrpcStatus::ok, "", api::print_grpc_model_metadata(doubler, versions));
    if (method == "ModelConfig" && has_config)
      return finish(exchange, api::GrpcStatus::ok, "", api::print_grpc_model_config(doubler));
    if (method != "ModelInfer") return finish(exchange, api::GrpcStatus::unimplemented, "no", std::nullopt);
    infer(exchange, message);
  }

  void infer(net::Exchange& exchange, const std::string& message) {
    ++infers;
    auto request = api::parse_grpc_infer_request(message);
    if (!request) return finish(exchange, api::GrpcStatus::invalid_argument, request.error().text(), std::nullopt);
    for (const auto& [name, value] : request->request.parameters) {
      if (name == "timeout") timeout_us = std::get<int64_t>(value);
    }
    const auto header = net::find_header(exchange.request().headers, api::grpc_timeout_header);
    timeout_ns = api::parse_grpc_timeout(header.value_or("")).value_or(0ns).count();
    ports::Tensor output = request->request.inputs.at(0);
    output.name = "y";
    for (char& byte : output.data) {
      switch (byte) {
        case 13: return finish(exchange, api::GrpcStatus::invalid_argument, "not 13", std::nullopt);
        case 14: return finish(exchange, api::GrpcStatus::internal, "it broke", std::nullopt);
        case 15: return;
        case 16: return exchange.abort();
        case 17: return finish(exchange, api::GrpcStatus::ok, "", std::nullopt);
        case 18: return exchange.reply(502, {}, "bad gateway");
        default: byte = static_cast<char>(byte * 2);
      }
    }
    std::string answered;
    REQUIRE(api::append_grpc_infer_response({"doubler", "", {output}}, api::TensorForm::raw, answered));
    finish(exchange, api::GrpcStatus::ok, "", answered);
  }

  static void finish(net::Exchange& exchange, api::GrpcStatus status, std::string_view text,
                     const std::optional<std::string>& message) {
    const net::Header head[] = {{"content-type", "application/grpc"}};
    exchange.begin(200, head, std::nullopt);
    if (message) exchange.write(api::grpc_frame(*message));
    const std::string encoded = api::grpc_message(text);
    const net::Header trailers[] = {{"grpc-status", api::grpc_status_text(status)}, {"grpc-message", encoded}};
    exchange.end(trailers);
  }

  net::Reactor reactor_;
  std::deque<std::string> bodies_;
  net::Server server_;
  net::SocketAddress address_;
  LoopThread thread_;
};

std::unique_ptr<ports::Model> load(const std::string& settings) {
  auto model = OipBackend().load({"ours", settings, ""});
  REQUIRE_MESSAGE(model, (model ? "" : model.error().text()));
  return std::move(*model);
}

}  // namespace

TEST_CASE("gRPC: a model is loaded with its server's description and batch size") {
  GrpcDoubler remote;
  const auto model = load("model=doubler,url=" + remote.url());
  CHECK(model->info().name == "ours");
  CHECK(model->info().platform == "fake");
  CHECK(model->info().inputs.at(0).name == "x");
  CHECK(model->info().inputs.at(0).datatype == DataType::UINT8);
  CHECK(model->info().inputs.at(0).shape == std::vector<int64_t>{-1, 1});
  CHECK(model->info().outputs.at(0).name == "y");
  remote.has_config = false;
  CHECK(load("model=doubler,url=" + remote.url())->info().max_batch == 1);
  CHECK(load("model=doubler,max_batch=3,url=" + remote.url())->info().max_batch == 3);
}

TEST_CASE("gRPC: requests that fit together are one, a wrong one fails alone in its server's words") {
  GrpcDoubler remote;
  remote.has_config = false;
  const auto model = load("model=doubler,max_batch=8,url=" + remote.url());
  const std::vector batch{request_of("\x01"), request_of("\x02\x03")};
  auto answers = model->run(batch);
  CHECK(answers[0]->at(0).data == "\x02");
  CHECK(answers[1]->at(0).data == "\x04\x06");
  CHECK(remote.infers == 1);
  const std::vector mixed{request_of("\x01"), request_of("\x0d"), request_of("\x0e")};
  answers = model->run(mixed);
  CHECK(answers[0]->at(0).data == "\x02");
  CHECK(answers[1].error().code == Code::invalid);
  CHECK(answers[1].error().what.find("answered gRPC status 3: not 13") != std::string::npos);
  CHECK(answers[2].error().code == Code::unavailable);
  CHECK(answers[2].error().what.find("answered gRPC status 13: it broke") != std::string::npos);
}

TEST_CASE("gRPC: large tensors go through whole") {
  GrpcDoubler remote;
  const auto model = load("model=doubler,url=" + remote.url());
  const auto answer = ports::run_alone(*model, request_of(std::string(600'000, '\x20')));
  REQUIRE_MESSAGE(answer, (answer ? "" : answer.error().text()));
  CHECK(answer->at(0).data == std::string(600'000, '\x40'));
}

TEST_CASE("gRPC: the server is told what is left, and a request ends a grace after its deadline") {
  GrpcDoubler remote;
  const auto model = load("model=doubler,grace=30ms,url=" + remote.url());
  auto request = request_of("\x01");
  request.deadline = net::read_clock() + 5s;
  REQUIRE(ports::run_alone(*model, request));
  CHECK(remote.timeout_us > 3'000'000);
  CHECK(remote.timeout_us <= 5'000'000);
  CHECK(Duration(remote.timeout_ns) > 3s);
  CHECK(Duration(remote.timeout_ns) <= 5s + 30ms);
  request = request_of("\x0f");
  request.deadline = net::read_clock() + 50ms;
  CHECK(ports::run_alone(*model, request).error().code == Code::timed_out);
  CHECK(net::read_clock() >= *request.deadline + 30ms);
  request.deadline = net::read_clock() - 1ms;
  const int before = remote.infers;
  CHECK(ports::run_alone(*model, request).error().code == Code::timed_out);
  CHECK(remote.infers == before);
}

TEST_CASE("gRPC: servers that close, answer nothing or speak otherwise are unavailable, and the next request works") {
  GrpcDoubler remote;
  const auto model = load("model=doubler,url=" + remote.url());
  for (const char* bytes : {"\x10", "\x11", "\x12"}) {
    const auto answer = ports::run_alone(*model, request_of(bytes));
    REQUIRE_FALSE(answer);
    CHECK(answer.error().code == Code::unavailable);
    CHECK(ports::run_alone(*model, request_of("\x01")));
  }
  const auto unknown = OipBackend().load({"other", "url=" + remote.url(), ""});
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().code == Code::not_found);
  CHECK(unknown.error().what.find("status 5: no model 'm\u00f6del'") != std::string::npos);
  RawServer http1("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
  CHECK(OipBackend().load({"m", "url=grpc://" + http1.authority(), ""}).error().code == Code::unavailable);
}

TEST_CASE("gRPC: descriptions that make no sense are refused") {
  CHECK_FALSE(oip::parse_metadata(""));
  CHECK_FALSE(oip::parse_metadata("\xff"));
  std::string spec;
  api::append_bytes_field(spec, 1, "x");
  api::append_bytes_field(spec, 2, "BF17");
  std::string message;
  api::append_bytes_field(message, 4, spec);
  CHECK(oip::parse_metadata(message).error().where.find("'x'") != std::string::npos);
  std::string cut;
  api::append_bytes_field(cut, 2, "FP32");
  api::append_bytes_field(cut, 3, "\xff");
  message.clear();
  api::append_bytes_field(message, 4, cut);
  CHECK(oip::parse_metadata(message).error().what == "ends inside a number");
  CHECK(oip::parse_max_batch_size("") == 1);
  std::string config;
  api::append_bytes_field(config, 1, std::string("\x20\x08", 2));  // field 4: 8
  CHECK(oip::parse_max_batch_size(config) == 8);
  config.clear();
  api::append_bytes_field(config, 1, std::string("\x20\x00", 2));
  CHECK(oip::parse_max_batch_size(config) == 1);
}

}  // namespace barrio::adapters::grpc_remote_test
