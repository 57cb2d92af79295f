#include "gateway/problem.h"

#include <vector>

namespace barrio::gateway {

Problem problem_of(int status, const Refusal& refusal) {
  return {status, to_name(refusal.reason), refusal.detail, refusal.nearest};
}

std::string problem_json(const Problem& problem) {
  JsonObject body;
  body["type"] = "urn:barrio:problem:" + problem.reason;
  body["title"] = net::reason_phrase(problem.status);
  body["status"] = problem.status;
  body["detail"] = problem.detail;
  body["reason"] = problem.reason;
  body["nearest"] = problem.nearest;
  return print_json(body);
}

void reply_problem(net::Exchange& exchange, const Problem& problem) {
  std::vector<net::Header> headers = {{"Content-Type", "application/problem+json"}};
  if (problem.status == 503) headers.push_back({"Retry-After", "1"});
  if (problem.status == 401) headers.push_back({"WWW-Authenticate", "Bearer error=\"invalid_token\""});
  exchange.reply(problem.status, headers, problem_json(problem));
}

}  // namespace barrio::gateway
