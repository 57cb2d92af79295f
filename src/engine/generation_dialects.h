#pragma once
// The dialects that OpenAiFront speaks.

#include <memory>

#include "engine/generation_call.h"

namespace barrio::engine {

std::unique_ptr<GenerationDialect> openai_dialect(ports::GenerationKind kind);

enum class GenerateVerb { generate, generate_stream };
/// Triton's generate extension, as completions of `model`.
std::unique_ptr<GenerationDialect> generate_dialect(std::string_view model, GenerateVerb verb);

/// An error of OpenAI's for what is no failure of a backend.
GenerationReply openai_error(int status, std::string message, std::string param = {}, std::string code = {});

}  // namespace barrio::engine
