#include "engine/rest_front.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "engine/inference.h"
#include "engine/model_path.h"
#include "engine/repository_answers.h"
#include "engine/request_fields.h"

namespace barrio::engine {

namespace {

constexpr size_t most_reserved = 1 << 20;  // of what is only announced

net::Response json_response(int status, std::string body) {
  return {status, {{"Content-Type", "application/json"}}, std::move(body)};
}

net::Response not_allowed(std::string_view allowed) {
  net::Response response = error_response(405, "this path takes " + std::string(allowed));
  response.headers.emplace_back("Allow", allowed);
  return response;
}

size_t json_bytes(const ports::Outputs& outputs, const api::InferRequest& asked) {
  size_t bytes = 0;
  for (const ports::Tensor& output : outputs) bytes += asked.wants_binary(output.name) ? 0 : output.data.size();
  return bytes;
}

}  // namespace

/// One request, from its head to its answer. Shared with work that is under way when its client goes.
struct RestFront::Call {
  net::Exchange* exchange = nullptr;  // null: answered, or the client has gone
  bool infers = false;
  size_t json_left = 0;  // of the body: what belongs to its JSON part
  uint64_t received = 0;
  size_t held = 0;  // what of it is kept
  api::SplitBody body;
  Time first_byte{};
  Time complete{};
  Submission submission;  // what the fields say; the tensors come with the body
  api::InferRequest asked;
  std::string model;    // of the answer
  std::string version;  // that ran it
  FrontMetrics::OfModel* metrics = nullptr;
  uint64_t id = 0;  // of what was submitted and is not served; 0: nothing is
  Time served_at{};
  Times times;
  size_t waiting = 0;
};

RestFront::RestFront(net::Reactor& reactor, InferenceService& service, const ModelRepository& models, WorkQueue& codec,
                     Registry& registry, RestLimits limits)
    : reactor_(reactor),
      service_(service),
      models_(models),
      codec_(codec),
      registry_(registry),
      metrics_(registry),
      limits_(limits),
      held_gauge_(registry.gauge("barrio_engine_body_bytes", "Bytes of request bodies that are held.")) {}

RestFront::~RestFront() = default;

bool RestFront::ready() const {
  return serves_all(models_);
}

void RestFront::on_head(net::Exchange& exchange) {
  const auto call = std::make_shared<Call>();
  calls_[&exchange] = call;
  exchange.context = call.get();
  call->exchange = &exchange;
  call->first_byte = exchange.first_byte();
  const net::RequestHead& head = exchange.request();
  if (head.content_length.value_or(0) > limits_.body_bytes) return refuse_long(*call);
  call->infers = head.method == "POST" && head.path.starts_with(models_path) && head.path.ends_with("/infer");
  if (!call->infers) return;
  // One that cannot be read is answered once the body is there.
  const auto json_length = json_length_of(head.headers);
  if (json_length) call->body.json_length = *json_length;
  const auto length = std::min<uint64_t>(head.content_length.value_or(0), most_reserved);
  call->json_left = call->body.json_length.value_or(SIZE_MAX);
  const size_t json = std::min<size_t>(call->json_left, length);
  call->body.json.reserve(json);
  call->body.tail.reserve(length - json);
}

void RestFront::on_body(net::Exchange& exchange, std::string_view piece) {
  Call& call = *static_cast<Call*>(exchange.context);
  if (call.exchange == nullptr) return;
  call.received += piece.size();
  if (call.received > limits_.body_bytes) return refuse_long(call);
  if (!call.infers) return;
  call.held += piece.size();
  held_ += piece.size();
  held_gauge_.set(static_cast<double>(held_));
  if (held_ > limits_.held_bytes) return refuse_held(call);
  const std::string_view json = piece.substr(0, call.json_left);
  call.json_left -= json.size();
  call.body.json += json;
  call.body.tail += piece.substr(json.size());
}

void RestFront::refuse_long(Call& call) {
  answer(call, error_response(413, "the body is longer than " + std::to_string(limits_.body_bytes) + " bytes"));
}

void RestFront::refuse_held(Call& call) {
  answer(call, error_response(503, "the engine holds " + std::to_string(limits_.held_bytes) + " bytes of bodies"));
}

void RestFront::on_closed(net::Exchange& exchange, bool) {
  const auto found = calls_.find(&exchange);
  const CallPtr call = std::move(found->second);
  calls_.erase(found);
  call->exchange = nullptr;
  held_ -= call->held;
  held_gauge_.set(static_cast<double>(held_));
  if (call->id != 0) service_.cancel(std::exchange(call->id, 0));
}

void RestFront::on_end(net::Exchange& exchange) {
  const CallPtr call = calls_.at(&exchange);
  if (call->exchange == nullptr) return;
  call->complete = reactor_.now();
  const net::RequestHead& head = exchange.request();
  if (head.path.starts_with(models_path)) {
    const ModelPath path(head.path);
    call->submission.model = path.model;
    call->submission.version = path.version;
    if (call->infers && path.rest == "/infer") return infer(call);
    return model_request(*call, path.rest);
  }
  auto response = server_response(head.path);
  if (!response)
    response = error_response(404, "no such path: " + std::string(head.path));
  else if (head.method != "GET")
    response = not_allowed("GET");
  answer(*call, std::move(*response));
}

/// Paths without a model; nullopt for any other.
std::optional<net::Response> RestFront::server_response(std::string_view path) const {
  if (path == "/v2" || path == "/v2/") return json_response(200, api::print_server_metadata());
  if (path == "/v2/health/live") return json_response(200, R"({"live":true})");
  if (path == "/v2/health/ready") {
    const bool is_ready = ready();
    return json_response(is_ready ? 200 : 503, is_ready ? R"({"ready":true})" : R"({"ready":false})");
  }
  if (path == "/metrics") return net::Response{200, {{"Content-Type", "text/plain; version=0.0.4"}}, registry_.text()};
  return std::nullopt;
}

void RestFront::model_request(Call& call, std::string_view rest) {
  const Submission& asked = call.submission;
  const ports::ModelInfo* info = service_.find(asked.model, asked.version);
  const Declined why = info == nullptr ? service_.why_not(asked.model, asked.version) : Declined();
  if (info == nullptr && why.why == Declined::Why::unknown_model) return answer(call, declined_response(why));
  if (rest == "/infer") return answer(call, not_allowed("POST"));
  if (!rest.empty() && rest != "/ready" && rest != "/config")
    return answer(call, error_response(404, "no such path: " + std::string(call.exchange->request().path)));
  if (call.exchange->request().method != "GET") return answer(call, not_allowed("GET"));
  if (rest == "/ready") {
    const bool is_ready = info != nullptr;
    return answer(call, json_response(is_ready ? 200 : 503, api::print_model_ready(asked.model, is_ready)));
  }
  if (info == nullptr) return answer(call, declined_response(why));
  ports::ModelInfo named = *info;
  named.name = asked.model;  // as it is called here
  if (rest == "/config") return answer(call, json_response(200, api::print_model_config(named)));
  std::vector<std::string> versions;
  for (const ListedModel& model : models_.index()) {
    if (model.name != asked.model) continue;
    for (const ModelVersion& one : model.versions) {
      if (one.state == ModelState::ready) versions.push_back(one.version);
    }
  }
  answer(call, json_response(200, api::print_model_metadata(named, versions)));
}

/// What the request's fields ask for. Errors: invalid.
Result<void> RestFront::read_fields(Call& call) const {
  const auto headers = call.exchange->request().headers;
  TRY_DO(json_length_of(headers).map([](auto) {}));
  TRY(auto fields, read_request_fields(call.exchange->request(), call.first_byte));
  call.submission.arrived = call.first_byte;
  call.submission.deadline = fields.deadline;
  call.submission.tenant = std::move(fields.tenant);
  call.submission.urgency = fields.urgency;
  return {};
}

void RestFront::infer(const CallPtr& call) {
  const Submission& asked = call->submission;
  const ports::ModelInfo* info = service_.find(asked.model, asked.version);
  if (info == nullptr) return answer(*call, declined_response(service_.why_not(asked.model, asked.version)));
  call->model = asked.model;
  call->metrics = &metrics_.of(info->name);
  call->metrics->front.observe(call->complete - call->first_byte);
  if (auto fields = read_fields(*call); !fields) return parsed(call, fail(std::move(fields).error()));
  if (call->body.json.size() <= limits_.json_on_loop) {
    return parsed(call, parse_inference(std::move(call->body), *info));
  }
  const auto result = std::make_shared<std::optional<Result<api::InferRequest>>>();
  const bool taken =
      codec_.run([result, call, model = *info] { result->emplace(parse_inference(std::move(call->body), model)); },
                 [this, result, call] { parsed(call, std::move(**result)); });
  if (!taken) answer(*call, error_response(503, "too much JSON is being read; binary tensors are read at once"));
}

void RestFront::parsed(const CallPtr& call, Result<api::InferRequest> request) {
  if (call->exchange == nullptr) return;
  if (request) {
    const auto taken = take_timeout(request->parameters, call->first_byte, call->submission.deadline);
    if (!taken) request = fail(Error(taken.error()));
  }
  if (!request) {
    call->metrics->rejected.add();
    return answer(*call, error_response(status_of(request.error().code), request.error().text()));
  }
  call->asked = std::move(*request);
  call->submission.request = {.inputs = std::move(call->asked.inputs),
                              .stream = call->asked.stream,
                              .deadline = call->submission.deadline,
                              .parameters = std::move(call->asked.parameters)};
  call->metrics->decode.observe(reactor_.fresh_now() - call->complete);
  // It may be served before submit() returns.
  const auto over = std::make_shared<bool>(false);
  const uint64_t id = service_.submit(std::move(call->submission), [this, call, over](Served answer) {
    *over = true;
    call->id = 0;
    served(call, std::move(answer));
  });
  if (!*over) call->id = id;
}

void RestFront::served(const CallPtr& call, Served served) {
  if (call->exchange == nullptr) return;
  call->served_at = reactor_.now();
  call->times = served.times;
  call->waiting = served.waiting;
  call->version = std::move(served.version);
  if (served.declined) return answer(*call, declined_response(*served.declined));
  if (served.error) return answer(*call, error_response(status_of(served.error->code), served.error->text()));
  print(call, std::move(served.outputs));
}

void RestFront::print(const CallPtr& call, ports::Outputs outputs) {
  if (json_bytes(outputs, call->asked) > limits_.json_on_loop) {
    const auto response = std::make_shared<net::Response>();
    const auto held = std::make_shared<ports::Outputs>(std::move(outputs));
    const bool taken =
        codec_.run([response, held,
                    call] { *response = print_inference(std::move(*held), call->asked, call->model, call->version); },
                   [this, response, call] { answer(*call, std::move(*response)); });
    if (taken) return;
    // It is computed: the loop rather waits than throws it away.
    outputs = std::move(*held);
  }
  answer(*call, print_inference(std::move(outputs), call->asked, call->model, call->version));
}

void RestFront::answer(Call& call, net::Response response) {
  net::Exchange* exchange = std::exchange(call.exchange, nullptr);
  if (exchange == nullptr) return;
  const bool was_submitted = call.served_at != Time{};
  std::string timing;
  std::string load;
  std::vector<net::Header> headers;
  for (const auto& [name, value] : response.headers) headers.push_back({name, value});
  if (was_submitted) {
    timing = fmt::format("queue;dur={:.3f}, compute;dur={:.3f}", to_ms(call.times.queue), to_ms(call.times.run));
    load = "waiting=" + std::to_string(call.waiting);
    headers.push_back({"Server-Timing", timing});
    headers.push_back({"Barrio-Load", load});
    call.metrics->reply.observe(reactor_.fresh_now() - call.served_at);
  }
  // The last: it may end the call.
  exchange->reply(response.status, headers, response.body);
}

}  // namespace barrio::engine
