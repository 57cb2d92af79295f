#include "engine/inference.h"

#include <algorithm>

#include "base/text.h"
#include "engine/requested_outputs.h"
#include "model/refusal.h"

namespace barrio::engine {

namespace {

Result<api::Message> print(ports::Outputs outputs, const api::InferRequest& asked, const std::string& model,
                           const std::string& version) {
  TRY(auto selected, select_outputs(std::move(outputs), asked.outputs));
  return api::print_infer_response({model, asked.id, std::move(selected), version}, asked);
}

}  // namespace

Result<std::optional<size_t>> json_length_of(std::span<const net::Header> headers) {
  const auto header = net::find_header(headers, api::json_length_header);
  if (!header) return std::optional<size_t>();
  const auto length = parse_uint(*header);
  if (!length)
    return fail(Code::invalid, "'" + std::string(*header) + "' is not a length", std::string(api::json_length_header));
  return std::optional<size_t>(static_cast<size_t>(*length));
}

Result<api::InferRequest> parse_inference(api::SplitBody body, const ports::ModelInfo& model) {
  TRY(auto request, api::parse_infer_request(std::move(body), model));
  ports::InferenceRequest run{.inputs = std::move(request.inputs), .stream = {}};
  TRY_DO(check_requested(model, run, request.outputs));
  request.inputs = std::move(run.inputs);
  return request;
}

net::Response print_inference(ports::Outputs outputs, const api::InferRequest& asked, const std::string& model,
                              const std::string& version) {
  auto message = print(std::move(outputs), asked, model, version);
  if (!message) return error_response(status_of(message.error().code), message.error().text());
  net::Response response;
  response.headers.emplace_back("Content-Type", message->json_length ? "application/octet-stream" : "application/json");
  if (message->json_length)
    response.headers.emplace_back(api::json_length_header, std::to_string(*message->json_length));
  response.body = std::move(message->body);
  return response;
}

int status_of(Code code) {
  switch (code) {
    case Code::invalid: return 400;
    case Code::not_found: return 404;
    case Code::unsupported: return 501;
    case Code::exhausted:
    case Code::timed_out:
    case Code::cancelled: return 503;
    default: return 500;
  }
}

net::Response declined_response(const Declined& declined) {
  int status = declined.waited ? 503 : 429;
  if (declined.why == Declined::Why::unknown_model) status = 404;
  if (declined.why == Declined::Why::not_ready) status = 503;
  net::Response response = error_response(status, declined.what);
  // A gateway is not to take an engine for broken that had too much to do.
  if (declined.waited) response.headers.emplace_back("Barrio-Refused", to_name(RefusalReason::overloaded));
  if (status == 429) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(declined.retry_after).count();
    response.headers.emplace_back("Retry-After", std::to_string(std::max<int64_t>(1, seconds)));
  }
  if (declined.earliest) {
    std::string ms;
    append_ms(ms, *declined.earliest);
    response.headers.emplace_back("Barrio-Earliest-Ms", std::move(ms));
  }
  return response;
}

net::Response error_response(int status, std::string_view what) {
  net::Response response{status, {{"Content-Type", "application/json"}}, api::print_error(what)};
  if (status == 503) response.headers.emplace_back("Retry-After", "1");
  return response;
}

}  // namespace barrio::engine
