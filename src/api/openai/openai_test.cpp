#include <doctest/doctest.h>

#include "api/openai/answer.h"
#include "api/openai/request.h"
#include "base/json.h"

namespace barrio::api::openai_test {
namespace {

using ports::GenerationKind;

OpenAiRequest chat(std::string_view body) {
  const auto request = parse_openai_request(GenerationKind::chat, body);
  REQUIRE_MESSAGE(request, request.error().text());
  return *request;
}

std::string wrong(GenerationKind kind, std::string_view body) {
  const auto request = parse_openai_request(kind, body);
  REQUIRE_MESSAGE(!request, body);
  CHECK(request.error().code == Code::invalid);
  return request.error().where;
}

TEST_CASE("a chat request is read as far as it matters here, and unknown members pass") {
  const auto request = chat(R"({"model":"llama","messages":[{"role":"system","content":"Be brief."},
    {"role":"user","content":[{"type":"text","text":"Hello"},{"type":"image_url","image_url":{"url":"data:..."}}]},
    {"role":"assistant","content":null,"tool_calls":[]}],"stream":true,"stream_options":{"include_usage":true},
    "max_tokens":100,"max_completion_tokens":50,"temperature":null,"something_new":{"a":[1]}})");
  CHECK(request.model == "llama");
  CHECK(request.stream);
  CHECK(request.most_tokens == 50);
  CHECK(request.prompt_bytes == 14);
  CHECK_FALSE(chat(R"({"model":"m","messages":[{"role":"user"}],"stream":null})").stream);
}

TEST_CASE("prompts and inputs are texts, tokens, or lists of them") {
  const auto size = [](GenerationKind kind, std::string_view body) {
    return parse_openai_request(kind, body)->prompt_bytes;
  };
  CHECK(size(GenerationKind::completion, R"({"model":"m","prompt":"abc"})") == 3);
  CHECK(size(GenerationKind::completion, R"({"model":"m","prompt":["ab","c"]})") == 3);
  CHECK(size(GenerationKind::completion, R"({"model":"m","prompt":[1,2]})") == 8);
  CHECK(size(GenerationKind::completion, R"({"model":"m"})") == 0);
  CHECK(size(GenerationKind::embedding, R"({"model":"m","input":[[1,2],[3]]})") == 12);
  CHECK_FALSE(parse_openai_request(GenerationKind::embedding, R"({"model":"m","input":"a","stream":true})")->stream);
}

TEST_CASE("what is wrong is told by OpenAI's name of the parameter") {
  CHECK(wrong(GenerationKind::chat, "{") == "");
  CHECK(wrong(GenerationKind::chat, "[]") == "");
  CHECK(wrong(GenerationKind::chat, R"({"messages":[{"role":"user"}]})") == "model");
  CHECK(wrong(GenerationKind::chat, R"({"model":7,"messages":[{"role":"user"}]})") == "model");
  CHECK(wrong(GenerationKind::chat, R"({"model":"m"})") == "messages");
  CHECK(wrong(GenerationKind::chat, R"({"model":"m","messages":[]})") == "messages");
  CHECK(wrong(GenerationKind::chat, R"({"model":"m","messages":[{"role":"user"},{}]})") == "messages[1].role");
  CHECK(wrong(GenerationKind::chat, R"({"model":"m","messages":[{"role":"user","content":1}]})") ==
        "messages[0].content");
  CHECK(wrong(GenerationKind::chat, R"({"model":"m","messages":[{"role":"user"}],"stream":"yes"})") == "stream");
  CHECK(wrong(GenerationKind::chat, R"({"model":"m","messages":[{"role":"user"}],"stream_options":{}})") ==
        "stream_options");
  CHECK(wrong(GenerationKind::chat, R"({"model":"m","messages":[{"role":"user"}],"n":0})") == "n");
  CHECK(wrong(GenerationKind::chat, R"({"model":"m","messages":[{"role":"user"}],"max_tokens":-1})") == "max_tokens");
  CHECK(wrong(GenerationKind::completion, R"({"model":"m","prompt":[1,"a"]})") == "prompt[0]");
  CHECK(wrong(GenerationKind::embedding, R"({"model":"m"})") == "input");
  CHECK(wrong(GenerationKind::embedding, R"({"model":"m","input":[]})") == "input");
  CHECK(wrong(GenerationKind::embedding, R"({"model":"m","input":[[]]})") == "input[0]");
}

TEST_CASE("errors, models and events have OpenAI's form") {
  CHECK(print_openai_error({.message = "no \"x\"", .param = "model", .code = "model_not_found"}) ==
        R"({"error":{"message":"no \"x\"","type":"invalid_request_error","param":"model","code":"model_not_found"}})");
  CHECK(print_openai_error({.message = "m"}).ends_with(R"("param":null,"code":null}})"));
  CHECK(is_openai_error(R"({"error":{"message":"m"}})"));
  for (const std::string_view other : {"", "x", "[]", "{}", R"({"error":"m"})", R"({"error":{}})"})
    CHECK_FALSE(is_openai_error(other));
  const ports::GenerationModel model{.name = "llama", .owner = "", .created = WallTime(5s)};
  CHECK(print_openai_models({&model, 1}) ==
        R"({"object":"list","data":[{"id":"llama","object":"model","created":5,"owned_by":"barrio"}]})");
  std::string events;
  append_event(events, R"({"a":1})");
  append_event(events, "{\n\"b\":\r\n2}");
  CHECK(events == "data: {\"a\":1}\n\ndata: {\ndata: \"b\":\ndata: 2}\n\n");
}

}  // namespace
}  // namespace barrio::api::openai_test
