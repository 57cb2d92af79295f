#include "gateway/problem.h"

#include <algorithm>
#include <vector>

#include "api/grpc/status.h"
#include "api/openai/answer.h"
#include "gateway/app_address.h"
#include "gateway/deadlines.h"

namespace barrio::gateway {

namespace {

/// All of it, for clients that show one sentence.
std::string sentence_of(const Problem& problem) {
  return problem.nearest.empty() ? problem.detail : problem.detail + "; nearest: " + problem.nearest;
}

void reply_grpc(net::Exchange& exchange, const Problem& problem) {
  const std::string message = api::grpc_message(sentence_of(problem));
  // Of 404, the one that is no unknown method.
  const bool no_app = problem.reason == to_name(RefusalReason::unknown_app);
  const auto status = no_app ? api::GrpcStatus::not_found : api::grpc_status_of_http(problem.status);
  const net::Header headers[] = {{"Content-Type", "application/grpc"},
                                 {"Grpc-Status", api::grpc_status_text(status)},
                                 {"Grpc-Message", message},
                                 {"Barrio-Reason", problem.reason}};
  exchange.reply(200, headers, "");
}

/// In the words that OpenAI's own service has for the same; else our reason.
api::OpenAiError openai_error(const Problem& problem) {
  api::OpenAiError error{.message = sentence_of(problem), .code = problem.reason};
  if (problem.status == 429) error = {error.message, "requests", "", "rate_limit_exceeded"};
  if (problem.status >= 500) error.type = "server_error";
  if (problem.status == 504) error.code = "timeout";
  if (problem.status == 401) error.code = "invalid_api_key";
  if (problem.reason == to_name(RefusalReason::spend_cap)) error.type = error.code = "insufficient_quota";
  if (problem.reason == "not_found") error.code = "unknown_url";
  return error;
}

}  // namespace

ErrorForm error_form_of(const net::RequestHead& head) {
  const auto app = address_of(head);
  const std::string_view path = app ? app->rest : head.target;
  if (path.starts_with("/v2/")) return ErrorForm::open_inference;
  return path.starts_with("/v1/") ? ErrorForm::openai : ErrorForm::plain;
}

Problem problem_of(int status, const Refusal& refusal) {
  return {.status = status, .reason = to_name(refusal.reason), .detail = refusal.detail, .nearest = refusal.nearest};
}

std::string problem_json(const Problem& problem, ErrorForm form) {
  JsonObject body;
  body["type"] = "urn:barrio:problem:" + problem.reason;
  body["title"] = net::reason_phrase(problem.status);
  body["status"] = problem.status;
  body["detail"] = problem.detail;
  body["reason"] = problem.reason;
  body["nearest"] = problem.nearest;
  if (!problem.limit.empty()) {
    body["limit"] = problem.limit;
    body["value"] = problem.value;
  }
  if (form == ErrorForm::open_inference) body["error"] = sentence_of(problem);
  if (form == ErrorForm::openai) body["error"] = api::openai_error_object(openai_error(problem));
  return print_json(body);
}

void reply_problem(net::Exchange& exchange, const Problem& problem, const CorsGrant& cors) {
  // Another gateway reads the HTTP status, to try elsewhere, and says it to the device in its own form.
  const bool to_gateway = net::find_header(exchange.request().headers, "Barrio-Forwarded-By").has_value();
  if (is_grpc(exchange.request().headers) && !to_gateway) return reply_grpc(exchange, problem);
  std::vector<net::Header> headers = {{"Content-Type", "application/problem+json"}, {"Barrio-Refused", problem.reason}};
  const bool later = problem.retry_after > 0 || problem.status == 503;
  const std::string seconds = std::to_string(std::max<int64_t>(1, problem.retry_after));
  if (later) headers.push_back({"Retry-After", seconds});
  // RFC 6750 section 3.1: who brought nothing made no error.
  const bool brought = problem.reason == "invalid_token";
  if (problem.status == 401)
    headers.push_back(
        {"WWW-Authenticate", brought ? R"(Bearer realm="barrio", error="invalid_token")" : R"(Bearer realm="barrio")"});
  add_cors(cors, headers);
  exchange.reply(problem.status, headers, problem_json(problem, error_form_of(exchange.request())));
}

}  // namespace barrio::gateway
