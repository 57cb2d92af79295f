#pragma once
// Boxes drawn into a picture: built-in `annotate` of the opencv backend, as the last step of a pipeline whose answer a
// person looks at. Inputs `image` BYTES [1] (a JPEG of at most max_frame_pixels) and `boxes` FP32 [n,4] (x, y, width,
// height in pixels; cut where they leave the picture; any number of them). Output `picture` BYTES [1], a JPEG of the
// same size.

#include "ports/inference_backend.h"

namespace barrio::adapters {

class AnnotateModel final : public ports::Model {
 public:
  explicit AnnotateModel(const std::string& name);
  const ports::ModelInfo& info() const override { return info_; }
  std::vector<Result<ports::Outputs>> run(std::span<const ports::InferenceRequest> batch) override;

 private:
  Result<ports::Outputs> run_one(const ports::InferenceRequest& request) const;

  ports::ModelInfo info_;
};

}  // namespace barrio::adapters
