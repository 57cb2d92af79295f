#pragma once
// Does a model treat the rows of its first dimension each for itself? An ONNX file does not say: a free first dimension
// may as well be a sentence's length. So it is tried: different rows, alone and together, must give the same.

#include <functional>

#include "base/rng.h"
#include "ports/inference_backend.h"

namespace barrio::adapters::ort {

using RunOnce = std::function<Result<ports::Outputs>(const ports::InferenceRequest&)>;

/// False also where it cannot be tried: BYTES inputs, or no size of the other free dimensions works.
bool rows_are_independent(const ports::ModelInfo& model, const RunOnce& run, Rng rng);

}  // namespace barrio::adapters::ort
