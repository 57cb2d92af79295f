#pragma once
// Detectors that come with OpenCV and need no model file. Single-threaded: the engine runs one worker per core.

#include "ports/inference_backend.h"

namespace barrio::adapters {

class OpencvBackend final : public ports::InferenceBackend {
 public:
  OpencvBackend();
  /// spec.builtin is "people" (people_model.h), "annotate" (annotate_model.h) or a form of "crop" or "decode"
  /// (crop_model.h). Errors: not_found (no such builtin), unsupported (a model file).
  Result<std::unique_ptr<ports::Model>> load(const ports::LoadSpec& spec) override;
};

}  // namespace barrio::adapters
