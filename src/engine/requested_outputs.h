#pragma once
// Whether a request fits its model, before anything is spent on it; and the outputs that it asks for by name.

#include <vector>

#include "api/oip/message.h"

namespace barrio::engine {

/// Are its inputs the model's, and does the model have the outputs? What is wrong takes no place in a batch. Errors:
/// invalid, naming the tensor.
Result<void> check_requested(const ports::ModelInfo& model, const ports::InferenceRequest& request,
                             const std::vector<api::RequestedOutput>& wanted);
/// In the order they were asked for; all of them if none was named. Errors: invalid.
Result<ports::Outputs> select_outputs(ports::Outputs outputs, const std::vector<api::RequestedOutput>& wanted);

}  // namespace barrio::engine
