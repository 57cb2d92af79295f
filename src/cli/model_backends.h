#pragma once
// The backends that run a tenant's model on this machine, by name ("onnx", "opencv"), and where they do it.

#include <memory>
#include <string>

#include "cli/options.h"
#include "ports/inference_backend.h"

namespace barrio::cli {

/// As the engine uses it: every model in a confined process of its own, or, with --isolate none, here.
std::unique_ptr<ports::InferenceBackend> make_backend(const std::string& name, const EngineCommand& command);

}  // namespace barrio::cli
