#include "gateway/problem.h"

#include <doctest/doctest.h>

namespace barrio::gateway::problem_test {
namespace {

ErrorForm form_of(std::string_view target, std::string_view host = "127.0.0.1:7000") {
  const std::vector<net::Header> headers = {{"Host", host}};
  net::RequestHead head;
  head.method = "POST";
  head.target = head.path = target;
  head.headers = headers;
  return error_form_of(head);
}

Json error_of(const Problem& problem, ErrorForm form) {
  auto json = parse_json(problem_json(problem, form));
  REQUIRE(json);
  CHECK(json->at("detail") == to_json(problem.detail));
  const Json* error = json->get_object().if_contains("error");
  return error == nullptr ? Json(nullptr) : *error;
}

TEST_CASE("whose form an error has follows from the path that the app sees") {
  CHECK(form_of("/v2/models/street/infer") == ErrorForm::open_inference);
  CHECK(form_of("/apps/street/v2/models/street/stats") == ErrorForm::open_inference);
  CHECK(form_of("/apps/chat/v1/chat/completions") == ErrorForm::openai);
  CHECK(form_of("/apps/chat.acme/v1/models?limit=2") == ErrorForm::openai);
  CHECK(form_of("/v1/chat/completions", "chat.acme.apps.mad1:7000") == ErrorForm::openai);
  CHECK(form_of("/apps/shop/orders") == ErrorForm::plain);
  CHECK(form_of("/metrics") == ErrorForm::plain);
}

TEST_CASE("clients of OpenAI's API and of the Open Inference Protocol find what went wrong where they look for it") {
  const Problem late{429, "overloaded", "no site has room", "Barrio-Timeout-Ms: 7, or later"};
  const std::string sentence = "no site has room; nearest: Barrio-Timeout-Ms: 7, or later";
  CHECK(error_of(late, ErrorForm::plain).is_null());
  CHECK(error_of(late, ErrorForm::open_inference) == to_json(sentence));
  const Json openai = error_of(late, ErrorForm::openai);
  CHECK(openai.at("message") == to_json(sentence));
  CHECK(openai.at("type") == to_json(std::string("requests")));
  CHECK(openai.at("code") == to_json(std::string("rate_limit_exceeded")));
  CHECK(openai.at("param").is_null());
  const auto code = [](int status, const char* reason) {
    return error_of({status, reason, "no"}, ErrorForm::openai).at("code").get_string();
  };
  CHECK(code(401, "invalid_token") == "invalid_api_key");
  CHECK(code(429, "spend_cap") == "insufficient_quota");
  CHECK(code(404, "not_found") == "unknown_url");
  CHECK(code(404, "unknown_app") == "unknown_app");
  CHECK(code(504, "timed_out") == "timeout");
  CHECK(code(451, "policy") == "policy");
}

}  // namespace
}  // namespace barrio::gateway::problem_test
