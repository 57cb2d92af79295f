#pragma once
// What a server of OpenAI's API says: errors, the list of models, and answers that stream as server-sent events.

#include <span>
#include <string>
#include <string_view>

#include "base/json.h"
#include "ports/generation_backend.h"

namespace barrio::api {

struct OpenAiError {
  std::string message;
  std::string type = "invalid_request_error";
  std::string param = {};  // empty: null
  std::string code = {};   // empty: null
};
/// {"message":...,"type":...,"param":...,"code":...}
JsonObject openai_error_object(const OpenAiError& error);
/// The same as the member "error" of an object.
std::string print_openai_error(const OpenAiError& error);
/// Is it the body of an error, with all that a client reads?
bool is_openai_error(std::string_view body);

std::string print_openai_models(std::span<const ports::GenerationModel> models);
std::string print_openai_model(const ports::GenerationModel& model);

/// "data: JSON\n\n", appended. JSON with line ends in it takes several "data:" lines.
void append_event(std::string& out, std::string_view json);
inline constexpr std::string_view last_event = "data: [DONE]\n\n";

}  // namespace barrio::api
