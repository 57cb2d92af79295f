#include "engine/grpc_calls.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "api/oip/grpc_messages.h"
#include "engine/grpc_inference.h"

namespace barrio::engine {

namespace {

class UnaryCall;
using Method = void (UnaryCall::*)(std::string_view message);

/// A call with one message each way. Shared with what it waits for, which may outlive it.
class UnaryCall final : public GrpcCall, public std::enable_shared_from_this<UnaryCall> {
 public:
  UnaryCall(net::Exchange& exchange, const GrpcParts& parts, Method method, RequestFields fields)
      : exchange_(exchange, parts.config.message_bytes), parts_(parts), method_(method), fields_(std::move(fields)) {}
  ~UnaryCall() override {
    if (submitted_ != 0) parts_.service.cancel(submitted_);
  }

  void on_body(std::string_view piece) override {
    while (!exchange_.over()) {
      const auto complete = exchange_.reader().read(piece);
      if (!complete) return exchange_.fail(grpc_failure(complete.error()));
      if (!*complete) return;
      if (std::exchange(complete_, true)) return wrong("there is more than one message");
      message_ = std::move(exchange_.reader().message());
    }
  }
  void on_end() override {
    if (exchange_.over()) return;
    if (!complete_ || exchange_.reader().inside()) return wrong("the message is not complete");
    (this->*method_)(message_);
  }

  void refuse(const GrpcFailure& failure) { exchange_.fail(failure); }

  void server_live(std::string_view) { answer(api::print_grpc_flag(true)); }
  void server_ready(std::string_view) { answer(api::print_grpc_flag(serves_all(parts_.repository))); }
  void server_metadata(std::string_view) { answer(api::print_grpc_server_metadata()); }
  void model_ready(std::string_view message) {
    const auto name = api::parse_grpc_model_name(message);
    if (!name) return exchange_.fail(grpc_failure(name.error()));
    answer(api::print_grpc_flag(parts_.service.find(name->name, name->version) != nullptr));
  }
  void model_metadata(std::string_view message) {
    const auto* model = model_named(message);
    if (model != nullptr) answer(api::print_grpc_model_metadata(*model, versions_of(model->name)));
  }
  void model_config(std::string_view message) {
    const auto* model = model_named(message);
    if (model != nullptr) answer(api::print_grpc_model_config(*model));
  }
  void model_statistics(std::string_view message);
  void model_infer(std::string_view message);
  void repository_index(std::string_view message) {
    const auto ready = api::parse_grpc_index_request(message);
    if (!ready) return exchange_.fail(grpc_failure(ready.error()));
    answer(api::print_grpc_index(repository_entries(parts_.repository, *ready ? Listed::ready : Listed::all)));
  }
  void repository_load(std::string_view message) { done_or_refused(load(message)); }
  void repository_unload(std::string_view message) { done_or_refused(unload(message)); }

 private:
  void wrong(std::string_view what) {
    exchange_.fail({.status = api::GrpcStatus::invalid_argument, .what = std::string(what)});
  }
  void answer(std::string_view message) { exchange_.answer(GrpcExchange::frame().append(message)); }
  void done_or_refused(const Result<void>& asked) {
    if (!asked) exchange_.fail(grpc_failure(asked.error()));
  }

  /// Null: it has been answered that there is none.
  const ports::ModelInfo* model_named(std::string_view message);
  std::vector<std::string> versions_of(std::string_view model) const;
  Result<void> load(std::string_view message);
  Result<void> unload(std::string_view message);
  /// What a load or unload calls at its end.
  std::function<void(Result<void>)> when_done();
  void answer(GrpcAnswer answer);

  GrpcExchange exchange_;
  GrpcParts parts_;
  Method method_;
  RequestFields fields_;
  bool complete_ = false;
  std::string message_;
  uint64_t submitted_ = 0;  // waits for its answer
};

void UnaryCall::model_infer(std::string_view message) {
  const uint64_t id =
      submit_grpc(parts_.inference(), message, fields_, exchange_.first_byte(), [this](GrpcAnswer answered) {
        submitted_ = 0;
        answer(std::move(answered));
      });
  if (!exchange_.over()) submitted_ = id;
  message_ = {};
}

void UnaryCall::answer(GrpcAnswer answered) {
  if (answered.failure) return exchange_.fail(*answered.failure);
  const std::string timing =
      fmt::format("queue;dur={:.3f}, compute;dur={:.3f}", to_ms(answered.times.queue), to_ms(answered.times.run));
  const std::string load = "waiting=" + std::to_string(answered.waiting);
  const net::Header fields[] = {{"Server-Timing", timing}, {"Barrio-Load", load}};
  exchange_.answer(std::move(answered.frame), fields);
}

const ports::ModelInfo* UnaryCall::model_named(std::string_view message) {
  const auto name = api::parse_grpc_model_name(message);
  if (!name) {
    exchange_.fail(grpc_failure(name.error()));
    return nullptr;
  }
  const auto* model = parts_.service.find(name->name, name->version);
  if (model == nullptr) exchange_.fail(grpc_failure(parts_.service.why_not(name->name, name->version)));
  return model;
}

std::vector<std::string> UnaryCall::versions_of(std::string_view model) const {
  std::vector<std::string> versions;
  for (const ListedModel& listed : parts_.repository.index()) {
    if (listed.name != model) continue;
    for (const ModelVersion& version : listed.versions) {
      if (version.state == ModelState::ready) versions.push_back(version.version);
    }
  }
  return versions;
}

void UnaryCall::model_statistics(std::string_view message) {
  const auto name = api::parse_grpc_model_name(message);
  if (!name) return exchange_.fail(grpc_failure(name.error()));
  const auto statistics = parts_.repository.statistics(name->name, name->version);
  if (!statistics) return exchange_.fail(grpc_failure(statistics.error()));
  const WallTime wall = parts_.config.wall ? parts_.config.wall() : WallTime();
  answer(api::print_grpc_statistics(statistics_answer(*statistics, parts_.reactor.now(), wall)));
}

std::function<void(Result<void>)> UnaryCall::when_done() {
  return [weak = weak_from_this()](const Result<void>& result) {
    const auto call = weak.lock();
    if (!call) return;
    if (!result) return call->exchange_.fail(grpc_failure(result.error()));
    call->answer(std::string_view());
  };
}

Result<void> UnaryCall::load(std::string_view message) {
  TRY_DO(check_may_load(parts_.config.rights));
  TRY(auto request, api::parse_grpc_repository_request(message));
  TRY(auto parameters, load_parameters(request.parameters, parts_.config.rights));
  parts_.repository.load(std::move(request.model), std::move(parameters), when_done());
  return {};
}

Result<void> UnaryCall::unload(std::string_view message) {
  TRY_DO(check_may_load(parts_.config.rights));
  TRY(auto request, api::parse_grpc_repository_request(message));
  TRY(auto version, unload_version(request.parameters));
  parts_.repository.unload(std::move(request.model), std::move(version), when_done());
  return {};
}

/// A call that was answered by its head.
class RefusedCall final : public GrpcCall {
 public:
  void on_body(std::string_view) override {}
  void on_end() override {}
};

std::shared_ptr<GrpcCall> refuse(net::Exchange& exchange, const GrpcParts& parts, const GrpcFailure& failure) {
  GrpcExchange(exchange, parts.config.message_bytes).fail(failure);
  return std::make_shared<RefusedCall>();
}

struct NamedMethod {
  std::string_view name;
  Method method;
};
constexpr NamedMethod methods[] = {
    {"ModelInfer", &UnaryCall::model_infer},
    {"ServerLive", &UnaryCall::server_live},
    {"ServerReady", &UnaryCall::server_ready},
    {"ModelReady", &UnaryCall::model_ready},
    {"ServerMetadata", &UnaryCall::server_metadata},
    {"ModelMetadata", &UnaryCall::model_metadata},
    {"ModelConfig", &UnaryCall::model_config},
    {"ModelStatistics", &UnaryCall::model_statistics},
    {"RepositoryIndex", &UnaryCall::repository_index},
    {"RepositoryModelLoad", &UnaryCall::repository_load},
    {"RepositoryModelUnload", &UnaryCall::repository_unload},
};

}  // namespace

std::shared_ptr<GrpcCall> open_grpc_call(net::Exchange& exchange, const GrpcParts& parts) {
  const net::RequestHead& head = exchange.request();
  const auto good = GrpcExchange(exchange, 0).check_head();
  if (!good) return refuse(exchange, parts, grpc_failure(good.error()));
  auto fields = read_request_fields(head, exchange.first_byte());
  if (!fields) return refuse(exchange, parts, grpc_failure(fields.error()));
  const bool ours = head.path.starts_with(api::grpc_service_prefix);
  const std::string_view name = ours ? head.path.substr(api::grpc_service_prefix.size()) : std::string_view();
  if (name == "ModelStreamInfer") return open_grpc_stream(exchange, parts, std::move(*fields));
  const auto method = std::ranges::find(methods, name, &NamedMethod::name);
  if (method == std::end(methods)) {
    return refuse(exchange, parts,
                  {.status = api::GrpcStatus::unimplemented, .what = "no such method: " + std::string(head.path)});
  }
  return std::make_shared<UnaryCall>(exchange, parts, method->method, std::move(*fields));
}

}  // namespace barrio::engine
