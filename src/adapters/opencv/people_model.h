#pragma once
// The built-in "people" detector: pedestrians in the JPEG frames of a fixed street camera.
//
// Input `image` BYTES [1] (a JPEG); outputs `boxes` FP32 [n,4] (x, y, width, height in pixels of the JPEG) and `scores`
// FP32 [n] (margin of the classifier, above 0; best first). A histogram-of-gradients window of 48x96 pixels (Daimler's,
// which comes with OpenCV) slides over the frame scaled to at most 640 pixels wide.
//
// Frames whose request names a `stream` are compared with the last frame of that stream: the detector then looks only
// where something moved, and boxes elsewhere are kept. Every 25th frame of a stream, the first, and one of another size
// are searched in full, so a box that was kept wrongly lives for 25 frames at most. Without a stream every frame is
// searched in full.

#include <opencv2/objdetect.hpp>

#include "adapters/opencv/jpeg.h"
#include "adapters/opencv/motion.h"
#include "ports/inference_backend.h"

namespace barrio::adapters {

class PeopleModel final : public ports::Model {
 public:
  explicit PeopleModel(const std::string& name);
  const ports::ModelInfo& info() const override { return info_; }
  std::vector<Result<ports::Outputs>> run(std::span<const ports::InferenceRequest> batch) override;

 private:
  Result<ports::Outputs> run_one(const ports::InferenceRequest& request);
  std::vector<Detection> detect(const cv::Mat& frame, const std::string& stream);
  std::vector<Detection> search(const cv::Mat& frame, const std::vector<cv::Rect>& regions);

  ports::ModelInfo info_;
  cv::HOGDescriptor detector_;
  StreamMemories streams_;
};

}  // namespace barrio::adapters
