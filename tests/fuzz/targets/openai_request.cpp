// Requests of OpenAI's API and of Triton's generate extension.

#include "api/oip/generate.h"
#include "api/openai/answer.h"
#include "api/openai/request.h"
#include "base/check.h"
#include "target.h"

namespace barrio::fuzz {

namespace {

using ports::GenerationKind;

void run_kind(GenerationKind kind, std::string_view body) {
  const auto request = api::parse_openai_request(kind, body);
  if (!request) {
    CHECK(request.error().code == Code::invalid && !request.error().what.empty());
    const api::OpenAiError error{.message = request.error().what, .param = request.error().where};
    CHECK(api::is_openai_error(api::print_openai_error(error)));
    return;
  }
  CHECK(!request->model.empty() && request->model.size() <= 256);
  CHECK(request->prompt_bytes <= 4 * body.size());
  CHECK(!request->stream || kind != GenerationKind::embedding);
}

}  // namespace

void run_target(std::string_view input) {
  for (const auto kind : {GenerationKind::chat, GenerationKind::completion, GenerationKind::embedding})
    run_kind(kind, input);
  const auto generate = api::parse_generate_request(input);
  if (generate) {
    const auto body = api::print_generate_completion(*generate, "m", api::GenerateForm::streamed);
    const auto asked = api::parse_openai_request(GenerationKind::completion, body);
    CHECK(!asked || (asked->stream && asked->model == "m" && asked->prompt_bytes == generate->text.size()));
    CHECK(parse_json(api::print_generate_response(*generate, "m", input)).has_value());
  }
  std::string event;
  api::append_event(event, input);
  // Whatever is in it, it is one event.
  CHECK(event.ends_with("\n"));
  CHECK(event.substr(0, event.size() - 1).find("\n\n") == std::string::npos);
}

}  // namespace barrio::fuzz
