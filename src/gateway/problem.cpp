#include "gateway/problem.h"

#include <algorithm>
#include <vector>

#include "api/grpc/status.h"
#include "gateway/deadlines.h"

namespace barrio::gateway {

namespace {

void reply_grpc(net::Exchange& exchange, const Problem& problem) {
  const std::string nearest = problem.nearest.empty() ? "" : "; nearest: " + problem.nearest;
  const std::string message = api::grpc_message(problem.detail + nearest);
  // Of 404, the one that is no unknown method.
  const bool no_app = problem.reason == to_name(RefusalReason::unknown_app);
  const auto status = no_app ? api::GrpcStatus::not_found : api::grpc_status_of_http(problem.status);
  const net::Header headers[] = {{"Content-Type", "application/grpc"},
                                 {"Grpc-Status", api::grpc_status_text(status)},
                                 {"Grpc-Message", message},
                                 {"Barrio-Reason", problem.reason}};
  exchange.reply(200, headers, "");
}

}  // namespace

Problem problem_of(int status, const Refusal& refusal) {
  return {.status = status, .reason = to_name(refusal.reason), .detail = refusal.detail, .nearest = refusal.nearest};
}

std::string problem_json(const Problem& problem) {
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
  exchange.reply(problem.status, headers, problem_json(problem));
}

}  // namespace barrio::gateway
