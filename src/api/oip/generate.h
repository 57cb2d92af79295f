#pragma once
// Triton's generate extension: text in, text out. A request is passed on as a completion of OpenAI's API, its
// parameters becoming members of that request.

#include <string>
#include <string_view>

#include "api/openai/request.h"

namespace barrio::api {

struct GenerateRequest {
  std::string id;
  std::string text;
  JsonObject parameters;  // those of "parameters", and members that are neither "id" nor "text_input"
};

enum class GenerateForm { whole, streamed };

/// Errors: invalid, with the member's name.
Result<GenerateRequest> parse_generate_request(std::string_view body);
/// The body of the completion that answers it.
std::string print_generate_completion(const GenerateRequest& request, std::string_view model, GenerateForm form);

/// `completion`: an answer, or one chunk, of a completion.
std::string print_generate_response(const GenerateRequest& request, std::string_view model,
                                    std::string_view completion);

}  // namespace barrio::api
