#pragma once
// Requests of OpenAI's API (chat completions, completions, embeddings) as far as a server in front of the model has to
// know them: who is asked, how much, whether the answer streams. All members pass on as they came; those that are not
// known here may be known to the model's server.

#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "ports/generation_backend.h"

namespace barrio::api {

constexpr size_t max_messages = 4096;
constexpr size_t max_inputs = 2048;  // texts or token lists of one request, as OpenAI has it
constexpr uint64_t max_choices = 128;

struct OpenAiRequest {
  std::string model;
  bool stream = false;
  std::optional<uint64_t> most_tokens;  // of the answer
  size_t prompt_bytes = 0;              // of text; a token given as a number counts as 4
};

/// Checks the members that all servers take alike. Errors: invalid; `where` is OpenAI's "param" ("messages[2].role").
Result<OpenAiRequest> parse_openai_request(ports::GenerationKind kind, std::string_view body);

}  // namespace barrio::api
