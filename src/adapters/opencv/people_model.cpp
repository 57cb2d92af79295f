#include "adapters/opencv/people_model.h"

#include <algorithm>
#include <cstring>
#include <opencv2/imgproc.hpp>

#include "ports/tensor.h"

namespace barrio::adapters {

using ports::DataType;
using ports::Tensor;

namespace {

constexpr int searched_width = 640;
constexpr int full_search_every = 25;
constexpr size_t most_streams = 256;
constexpr double least_score = 0.8;
constexpr double scale_step = 1.1;
const cv::Size window(48, 96);
// A walker's own margin in the window, and where they may have gone since.
constexpr int region_margin = 40;
const cv::Size least_region(112, 160);
// The person fills about this much of the window.
constexpr float person_width = 0.6f, person_height = 0.8f;

Tensor floats(std::string name, std::vector<int64_t> shape, const std::vector<float>& values) {
  Tensor tensor{std::move(name), DataType::FP32, std::move(shape), std::string(values.size() * sizeof(float), '\0')};
  if (!values.empty()) std::memcpy(tensor.data.data(), values.data(), tensor.data.size());
  return tensor;
}

std::vector<Tensor> to_tensors(const std::vector<Detection>& detections, float scale_x, float scale_y) {
  std::vector<float> boxes, scores;
  for (const Detection& detection : detections) {
    const cv::Rect2f& box = detection.box;
    for (float value : {box.x * scale_x, box.y * scale_y, box.width * scale_x, box.height * scale_y})
      boxes.push_back(value);
    scores.push_back(detection.score);
  }
  const auto count = static_cast<int64_t>(detections.size());
  return {floats("boxes", {count, 4}, boxes), floats("scores", {count}, scores)};
}

bool inside_any(const std::vector<cv::Rect>& regions, const cv::Rect2f& box) {
  const cv::Point centre(static_cast<int>(box.x + box.width / 2), static_cast<int>(box.y + box.height / 2));
  return std::any_of(regions.begin(), regions.end(), [&](const cv::Rect& region) { return region.contains(centre); });
}

/// The sliding window's box, without the margin around the person.
cv::Rect2f person_in(const cv::Rect& found) {
  const auto width = static_cast<float>(found.width) * person_width;
  const auto height = static_cast<float>(found.height) * person_height;
  return {static_cast<float>(found.x) + (static_cast<float>(found.width) - width) / 2,
          static_cast<float>(found.y) + (static_cast<float>(found.height) - height) / 2, width, height};
}

}  // namespace

PeopleModel::PeopleModel(const std::string& name)
    : info_{name,
            "opencv_hog",
            {{"image", DataType::BYTES, {1}}},
            {{"boxes", DataType::FP32, {-1, 4}}, {"scores", DataType::FP32, {-1}}}},
      detector_(window, cv::Size(16, 16), cv::Size(8, 8), cv::Size(8, 8), 9),
      streams_(most_streams) {
  detector_.setSVMDetector(cv::HOGDescriptor::getDaimlerPeopleDetector());
}

std::vector<Result<ports::Outputs>> PeopleModel::run(std::span<const ports::InferenceRequest> batch) {
  std::vector<Result<ports::Outputs>> answers;
  for (const auto& request : batch) answers.push_back(run_one(request));
  return answers;
}

Result<ports::Outputs> PeopleModel::run_one(const ports::InferenceRequest& request) {
  TRY_DO(ports::check_inputs(info_, request));
  TRY(auto elements, ports::unpack_bytes(ports::input_named(request, "image").data, 1));
  auto decoded = decode_grey(elements.front(), searched_width);
  if (!decoded) return fail(std::move(decoded).error().within("input 'image'"));
  try {
    cv::Mat frame = decoded->pixels;
    if (frame.cols > searched_width) {
      const int height = std::max(1, frame.rows * searched_width / frame.cols);
      cv::resize(decoded->pixels, frame, cv::Size(searched_width, height), 0, 0, cv::INTER_AREA);
    }
    auto detections = detect(frame, request.stream);
    return to_tensors(detections, static_cast<float>(decoded->original.width) / static_cast<float>(frame.cols),
                      static_cast<float>(decoded->original.height) / static_cast<float>(frame.rows));
  } catch (const cv::Exception& error) {
    return fail(Code::unavailable, "OpenCV: " + error.err);
  }
}

std::vector<Detection> PeopleModel::detect(const cv::Mat& frame, const std::string& stream) {
  const std::vector<cv::Rect> everywhere = {cv::Rect(cv::Point(), frame.size())};
  if (stream.empty()) return search(frame, everywhere);
  StreamMemory& memory = streams_.of(stream);
  cv::Mat thumbnail = make_thumbnail(frame);
  const bool full =
      memory.thumbnail.empty() || memory.size != frame.size() || ++memory.frames_since_full >= full_search_every;
  const auto regions =
      full ? everywhere : moving_regions(memory.thumbnail, thumbnail, frame.size(), region_margin, least_region);
  std::vector<Detection> detections = search(frame, regions);
  for (const Detection& kept : memory.detections) {
    if (!full && !inside_any(regions, kept.box)) detections.push_back(kept);
  }
  std::sort(detections.begin(), detections.end(),
            [](const Detection& a, const Detection& b) { return a.score > b.score; });
  if (full) memory.frames_since_full = 0;
  memory.thumbnail = std::move(thumbnail);
  memory.size = frame.size();
  memory.detections = detections;
  return detections;
}

std::vector<Detection> PeopleModel::search(const cv::Mat& frame, const std::vector<cv::Rect>& regions) {
  std::vector<Detection> detections;
  for (const cv::Rect& region : regions) {
    if (region.width < window.width || region.height < window.height) continue;
    std::vector<cv::Rect> found;
    std::vector<double> weights;
    detector_.detectMultiScale(frame(region), found, weights, least_score, cv::Size(8, 8), cv::Size(), scale_step, 2);
    for (size_t i = 0; i < found.size(); ++i) {
      detections.push_back({person_in(found[i] + region.tl()), static_cast<float>(weights[i])});
    }
  }
  std::sort(detections.begin(), detections.end(),
            [](const Detection& a, const Detection& b) { return a.score > b.score; });
  return detections;
}

}  // namespace barrio::adapters
