#include "adapters/opencv/annotate_model.h"

#include <cstring>
#include <opencv2/imgproc.hpp>

#include "adapters/opencv/jpeg.h"
#include "adapters/opencv/run_each.h"
#include "ports/tensor.h"

namespace barrio::adapters {

using ports::DataType;

namespace {

constexpr int64_t most_drawn = 4096;
const cv::Scalar line_colour(40, 200, 40);  // blue, green, red
constexpr int line_width = 2;               // pixels

}  // namespace

AnnotateModel::AnnotateModel(const std::string& name)
    : info_{.name = name,
            .platform = "opencv_picture",
            .inputs = {{"image", DataType::BYTES, {1}}, {"boxes", DataType::FP32, {-1, 4}}},
            .outputs = {{"picture", DataType::BYTES, {1}}}} {}

std::vector<Result<ports::Outputs>> AnnotateModel::run(std::span<const ports::InferenceRequest> batch) {
  return run_each(batch, [this](const ports::InferenceRequest& request) { return run_one(request); });
}

Result<ports::Outputs> AnnotateModel::run_one(const ports::InferenceRequest& request) const {
  TRY_DO(ports::check_inputs(info_, request));
  TRY(const auto elements, ports::unpack_bytes(ports::input_named(request, "image").data, 1));
  auto picture = decode_picture(elements.front(), false);
  if (!picture) return fail(std::move(picture).error().within("input 'image'"));
  const ports::Tensor& boxes = ports::input_named(request, "boxes");
  const int64_t count = std::min(boxes.shape.front(), most_drawn);
  for (int64_t i = 0; i < count; ++i) {
    float box[4];
    std::memcpy(box, boxes.data.data() + static_cast<size_t>(i) * sizeof(box), sizeof(box));
    cv::rectangle(*picture, box_inside(box, *picture), line_colour, line_width);
  }
  return std::vector{ports::Tensor{"picture", DataType::BYTES, {1}, ports::pack_bytes(encode_jpeg(*picture))}};
}

}  // namespace barrio::adapters
