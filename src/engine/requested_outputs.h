#pragma once
// The outputs that a request asks for by name.

#include <vector>

#include "api/oip/message.h"

namespace barrio::engine {

/// Before a model runs: does it have them? Errors: invalid, naming the output.
Result<void> check_requested(const ports::ModelInfo& model, const std::vector<api::RequestedOutput>& wanted);
/// In the order they were asked for; all of them if none was named. Errors: invalid.
Result<ports::Outputs> select_outputs(ports::Outputs outputs, const std::vector<api::RequestedOutput>& wanted);

}  // namespace barrio::engine
