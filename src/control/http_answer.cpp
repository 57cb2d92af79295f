#include "control/http_answer.h"

namespace barrio::control {

namespace {

net::Response make(int status, std::string_view type, std::string body) {
  net::Response response;
  response.status = status;
  response.headers = {{"Content-Type", std::string(type)}, {"Cache-Control", "no-store"}};
  response.body = std::move(body);
  return response;
}

}  // namespace

net::Response answer_json(int status, const Json& body) {
  return make(status, "application/json", print_json(body));
}

net::Response answer(const api::Problem& problem) {
  auto response = make(problem.status, api::problem_content_type, print_json(to_json(problem)));
  if (problem.status == 503) response.headers.emplace_back("Retry-After", "1");
  return response;
}

net::Response answer(const Error& error) {
  return answer(api::problem(error));
}

net::Response unauthorized(Presented presented, const std::string& why) {
  auto response = answer(api::problem(401, why));
  response.headers.emplace_back("WWW-Authenticate", presented == Presented::nothing
                                                        ? R"(Bearer realm="barrio")"
                                                        : R"(Bearer realm="barrio", error="invalid_token")");
  return response;
}

}  // namespace barrio::control
