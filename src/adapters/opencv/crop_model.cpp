#include "adapters/opencv/crop_model.h"

#include <algorithm>
#include <cstring>
#include <opencv2/imgproc.hpp>

#include "adapters/opencv/jpeg.h"
#include "adapters/opencv/run_each.h"
#include "base/text.h"
#include "ports/tensor.h"

namespace barrio::adapters {

using ports::DataType;
using ports::Tensor;

namespace {

constexpr int max_side = 4096;  // pixels of a crop
constexpr int64_t max_boxes = 64;

/// Appends the planes, red first, as FP32 from 0 to 1.
void append_numbers(const cv::Mat& part, const CropForm& form, std::string& data) {
  cv::Mat scaled;
  cv::resize(part, scaled, cv::Size(form.width, form.height), 0, 0, cv::INTER_AREA);
  cv::Mat numbers;
  scaled.convertTo(numbers, CV_32F, 1.0 / 255);
  std::vector<cv::Mat> planes;
  cv::split(numbers, planes);
  std::reverse(planes.begin(), planes.end());  // OpenCV's are blue first
  for (const cv::Mat& plane : planes) data.append(reinterpret_cast<const char*>(plane.data), plane.total() * 4);
}

std::vector<int64_t> shape_of(const CropForm& form, int64_t count) {
  if (form.jpeg) return {count};
  return {count, form.grey ? 1 : 3, form.height, form.width};
}

ports::ModelInfo describe(const std::string& name, const CropForm& form) {
  ports::ModelInfo info{
      .name = name, .platform = "opencv_picture", .inputs = {{"image", DataType::BYTES, {1}}}, .outputs = {}};
  if (!form.whole) info.inputs.push_back({"boxes", DataType::FP32, {-1, 4}});
  info.outputs.push_back({form.whole ? "pixels" : "crops", form.jpeg ? DataType::BYTES : DataType::FP32,
                          shape_of(form, form.whole ? 1 : -1)});
  return info;
}

}  // namespace

std::optional<CropForm> parse_crop_form(std::string_view builtin) {
  CropForm form;
  const auto parts = split(builtin, '-');
  form.whole = parts[0] == "decode";
  if (!form.whole && parts[0] != "crop") return std::nullopt;
  form.jpeg = parts.size() == 1 && !form.whole;
  if (form.jpeg) return form;
  if (parts.size() != 3 || (parts[2] != "rgb" && parts[2] != "grey")) return std::nullopt;
  form.grey = parts[2] == "grey";
  const auto sides = split(parts[1], 'x');
  if (sides.size() != 2) return std::nullopt;
  const auto width = parse_uint(sides[0]);
  const auto height = parse_uint(sides[1]);
  if (!width || !height || *width < 1 || *height < 1 || *width > max_side || *height > max_side) return std::nullopt;
  form.width = static_cast<int>(*width);
  form.height = static_cast<int>(*height);
  return form;
}

CropModel::CropModel(const std::string& name, CropForm form) : form_(form), info_(describe(name, form)) {}

std::vector<Result<ports::Outputs>> CropModel::run(std::span<const ports::InferenceRequest> batch) {
  return run_each(batch, [this](const ports::InferenceRequest& request) { return run_one(request); });
}

Result<ports::Outputs> CropModel::run_one(const ports::InferenceRequest& request) const {
  TRY_DO(ports::check_inputs(info_, request));
  TRY(auto elements, ports::unpack_bytes(ports::input_named(request, "image").data, 1));
  auto picture = decode_picture(elements.front(), form_.grey);
  if (!picture) return fail(std::move(picture).error().within("input 'image'"));
  Tensor output{info_.outputs.front().name, info_.outputs.front().datatype, shape_of(form_, 1), {}};
  if (form_.whole) {
    append_numbers(*picture, form_, output.data);
    return std::vector{std::move(output)};
  }
  const Tensor& boxes = ports::input_named(request, "boxes");
  const int64_t count = std::min(boxes.shape.front(), max_boxes);
  output.shape.front() = count;
  for (int64_t i = 0; i < count; ++i) {
    float box[4];
    std::memcpy(box, boxes.data.data() + static_cast<size_t>(i) * sizeof(box), sizeof(box));
    const cv::Mat part = (*picture)(box_inside(box, *picture));
    if (form_.jpeg) {
      output.data += ports::pack_bytes(encode_jpeg(part));
    } else {
      append_numbers(part, form_, output.data);
    }
  }
  return std::vector{std::move(output)};
}

}  // namespace barrio::adapters
