#pragma once
// How a model of one picture a request runs a batch: each alone, and what OpenCV throws is that one's error.

#include <opencv2/core.hpp>

#include "ports/inference_backend.h"

namespace barrio::adapters {

template <class RunOne>
std::vector<Result<ports::Outputs>> run_each(std::span<const ports::InferenceRequest> batch, RunOne run_one) {
  std::vector<Result<ports::Outputs>> answers;
  for (const auto& request : batch) {
    try {
      answers.push_back(run_one(request));
    } catch (const cv::Exception& error) {
      const bool out_of_memory = error.code == cv::Error::StsNoMem;
      answers.push_back(fail(out_of_memory ? Code::exhausted : Code::unavailable, "OpenCV: " + error.err));
    }
  }
  return answers;
}

}  // namespace barrio::adapters
