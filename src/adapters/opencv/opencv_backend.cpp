#include "adapters/opencv/opencv_backend.h"

#include <opencv2/core.hpp>

#include "adapters/opencv/annotate_model.h"
#include "adapters/opencv/crop_model.h"
#include "adapters/opencv/people_model.h"

namespace barrio::adapters {

OpencvBackend::OpencvBackend() {
  cv::setNumThreads(1);
}

Result<std::unique_ptr<ports::Model>> OpencvBackend::load(const ports::LoadSpec& spec) {
  if (spec.builtin.empty())
    return fail(Code::unsupported,
                "the opencv backend runs built-in detectors only (builtin: people); use backend onnx for a model file");
  if (const auto form = parse_crop_form(spec.builtin)) return std::make_unique<CropModel>(spec.name, *form);
  if (spec.builtin == "annotate") return std::make_unique<AnnotateModel>(spec.name);
  if (spec.builtin != "people")
    return fail(Code::not_found, "the opencv backend has no built-in '" + spec.builtin +
                                     "'; it has: people, annotate, crop, crop-WxH-rgb, crop-WxH-grey, "
                                     "decode-WxH-rgb, decode-WxH-grey");
  try {
    return std::make_unique<PeopleModel>(spec.name);
  } catch (const cv::Exception& error) {
    return fail(Code::unavailable, "OpenCV: " + error.err);
  }
}

}  // namespace barrio::adapters
