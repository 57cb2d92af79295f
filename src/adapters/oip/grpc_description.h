#pragma once
// What a gRPC server says of a model: the two answers of GRPCInferenceService that only a client reads.

#include <string_view>

#include "ports/inference_backend.h"

namespace barrio::adapters::oip {

/// ModelMetadataResponse. Errors: invalid, naming the tensor.
Result<ports::ModelInfo> parse_metadata(std::string_view message);
/// ModelConfigResponse (Triton): config.max_batch_size; a model without a batch dimension takes 1. Errors: invalid.
Result<size_t> parse_max_batch_size(std::string_view message);

}  // namespace barrio::adapters::oip
