#include "adapters/opencv/opencv_backend.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cstring>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "adapters/opencv/jpeg.h"
#include "adapters/opencv/motion.h"
#include "ports/tensor.h"

namespace barrio::adapters::opencv_backend_test {
using ports::DataType;
using ports::Tensor;

namespace {

/// A grey street with walkers drawn on it, each 70 pixels tall, feet apart.
cv::Mat street(const std::vector<cv::Point>& walkers) {
  cv::Mat frame(480, 640, CV_8UC1, cv::Scalar(170));
  cv::rectangle(frame, cv::Rect(0, 300, 640, 180), cv::Scalar(150), cv::FILLED);
  for (cv::Point at : walkers) {
    cv::circle(frame, at + cv::Point(0, 6), 6, cv::Scalar(40), cv::FILLED);
    cv::ellipse(frame, at + cv::Point(0, 27), cv::Size(9, 16), 0, 0, 360, cv::Scalar(40), cv::FILLED);
    cv::line(frame, at + cv::Point(-3, 38), at + cv::Point(-7, 70), cv::Scalar(40), 6);
    cv::line(frame, at + cv::Point(3, 38), at + cv::Point(7, 70), cv::Scalar(40), 6);
  }
  cv::GaussianBlur(frame, frame, cv::Size(3, 3), 0);
  return frame;
}

std::string jpeg_of(const cv::Mat& frame) {
  std::vector<unsigned char> bytes;
  cv::imencode(".jpg", frame, bytes);
  return {bytes.begin(), bytes.end()};
}

Result<std::vector<Tensor>> run(ports::Model& model, const std::string& jpeg, const std::string& stream = "") {
  return ports::run_alone(model, {{Tensor{"image", DataType::BYTES, {1}, ports::pack_bytes(jpeg)}}, stream});
}

std::vector<cv::Rect2f> boxes_of(const Result<std::vector<Tensor>>& answer) {
  REQUIRE_MESSAGE(answer, answer.error().text());
  const Tensor& tensor = answer->at(0);
  REQUIRE(ports::check_size(tensor));
  std::vector<cv::Rect2f> boxes(static_cast<size_t>(tensor.shape[0]));
  if (!boxes.empty()) std::memcpy(boxes.data(), tensor.data.data(), tensor.data.size());
  return boxes;
}

bool any_contains(const std::vector<cv::Rect2f>& boxes, cv::Point2f point) {
  for (const auto& box : boxes) {
    if (box.contains(point)) return true;
  }
  return false;
}

std::unique_ptr<ports::Model> people() {
  OpencvBackend backend;
  auto model = backend.load({"street", "people", ""});
  REQUIRE(model);
  return std::move(*model);
}

}  // namespace

TEST_CASE("a walker is found, in pixels of the frame that was sent") {
  auto model = people();
  const cv::Mat frame = street({{200, 250}});
  CHECK(any_contains(boxes_of(run(*model, jpeg_of(frame))), {200, 285}));
  cv::Mat twice;
  cv::resize(frame, twice, cv::Size(), 2, 2);
  CHECK(any_contains(boxes_of(run(*model, jpeg_of(twice))), {400, 570}));
  CHECK(boxes_of(run(*model, jpeg_of(street({})))).empty());
}

TEST_CASE("on a stream, a walker who stands stays found and one who walks is found again") {
  auto model = people();
  CHECK(any_contains(boxes_of(run(*model, jpeg_of(street({{200, 250}, {450, 250}})), "cam")), {450, 285}));
  const auto boxes = boxes_of(run(*model, jpeg_of(street({{200, 250}, {480, 250}})), "cam"));
  CHECK(any_contains(boxes, {200, 285}));
  CHECK(any_contains(boxes, {480, 285}));
  CHECK_FALSE(any_contains(boxes, {440, 285}));
}

TEST_CASE("a malformed frame is refused by the tensor's name") {
  auto model = people();
  const std::string jpeg = jpeg_of(street({}));
  CHECK(run(*model, "GIF89a").error().text() == "input 'image': is not a JPEG");
  CHECK(run(*model, jpeg.substr(0, jpeg.size() / 2)).error().text() == "input 'image': is a JPEG that was cut short");
  CHECK(run(*model, jpeg.substr(0, 10)).error().text() == "input 'image': is a malformed JPEG: no frame header");
  CHECK(run(*model, "").error().code == Code::invalid);
  CHECK(ports::run_alone(*model, {{}, ""}).error().text() == "input 'image': is missing");
}

TEST_CASE("a JPEG that claims to be huge is refused before it is decoded") {
  auto model = people();
  std::string jpeg = jpeg_of(street({}));
  const size_t header = jpeg.find("\xff\xc0");
  REQUIRE(header != std::string::npos);
  for (size_t i = 5; i < 9; ++i) jpeg[header + i] = '\x7f';
  CHECK(run(*model, jpeg).error().text().find("is a JPEG of 32639x32639, more than") != std::string::npos);
}

TEST_CASE("no bytes, however changed, crash the frame reader") {
  const std::string good = jpeg_of(street({{100, 100}}));
  CHECK(rc::check("jpeg_size stays inside", [&](size_t position, char value, size_t length) {
    std::string jpeg = good.substr(0, 700);
    jpeg[position % jpeg.size()] = value;
    jpeg.resize(length % jpeg.size());
    (void)jpeg_size(jpeg);
  }));
}

TEST_CASE("motion is found where it is, and noise is none") {
  const cv::Mat still = street({{200, 250}});
  cv::Mat noisy = still.clone();
  cv::Mat noise(still.size(), CV_8UC1);
  cv::RNG rng(7);
  rng.fill(noise, cv::RNG::UNIFORM, 0, 12);
  noisy += noise;
  const cv::Mat before = make_thumbnail(still);
  CHECK(moving_regions(before, make_thumbnail(noisy), still.size(), 40, {112, 160}).empty());
  const auto regions = moving_regions(before, make_thumbnail(street({{240, 250}})), still.size(), 40, {112, 160});
  REQUIRE(regions.size() == 1);
  CHECK(regions[0].contains(cv::Point(200, 285)));
  CHECK(regions[0].contains(cv::Point(240, 285)));
  CHECK(regions[0].area() < still.size().area() / 5);
}

TEST_CASE("the stream not heard of for longest is forgotten") {
  StreamMemories memories(2);
  memories.of("a").frames_since_full = 1;
  memories.of("b").frames_since_full = 2;
  memories.of("a");
  memories.of("c");
  CHECK(memories.size() == 2);
  CHECK(memories.of("a").frames_since_full == 1);
  CHECK(memories.of("b").frames_since_full == 0);
}

TEST_CASE("an unknown builtin is refused with those there are") {
  OpencvBackend backend;
  CHECK(backend.load({"x", "cats", ""})
            .error()
            .text()
            .starts_with("the opencv backend has no built-in 'cats'; it has: people, annotate, crop"));
  CHECK(backend.load({"x", "crop-8x8-rgb", ""}));
  CHECK(backend.load({"x", "", "/m.onnx"}).error().code == Code::unsupported);
}

}  // namespace barrio::adapters::opencv_backend_test
