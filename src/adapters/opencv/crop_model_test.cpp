#include "adapters/opencv/crop_model.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cstring>
#include <limits>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "ports/tensor.h"

namespace barrio::adapters::crop_model_test {
using ports::DataType;
using ports::Tensor;

namespace {

/// Red on the left half, blue on the right.
std::string picture() {
  cv::Mat pixels(100, 200, CV_8UC3, cv::Scalar(0, 0, 255));
  pixels(cv::Rect(100, 0, 100, 100)) = cv::Scalar(255, 0, 0);
  std::vector<unsigned char> bytes;
  cv::imencode(".jpg", pixels, bytes, {cv::IMWRITE_JPEG_QUALITY, 100});
  return {bytes.begin(), bytes.end()};
}

Result<ports::Outputs> run(const char* builtin, const std::string& jpeg, const std::vector<float>& boxes) {
  CropModel model("crop", *parse_crop_form(builtin));
  ports::InferenceRequest request;
  request.inputs.push_back({"image", DataType::BYTES, {1}, ports::pack_bytes(jpeg)});
  if (model.info().inputs.size() > 1) {
    Tensor tensor{"boxes", DataType::FP32, {static_cast<int64_t>(boxes.size() / 4), 4}, {}};
    tensor.data.assign(reinterpret_cast<const char*>(boxes.data()), boxes.size() * sizeof(float));
    request.inputs.push_back(std::move(tensor));
  }
  return ports::run_alone(model, request);
}

float number(const Tensor& tensor, size_t index) {
  float value = 0;
  std::memcpy(&value, tensor.data.data() + index * sizeof(value), sizeof(value));
  return value;
}

}  // namespace

TEST_CASE("the forms of crops and pictures") {
  CHECK(parse_crop_form("crop")->jpeg);
  CHECK(parse_crop_form("crop-64x32-grey")->width == 64);
  CHECK(parse_crop_form("crop-64x32-grey")->height == 32);
  CHECK(parse_crop_form("decode-8x8-rgb")->whole);
  for (const char* bad : {"", "people", "decode", "crop-", "crop-64-rgb", "crop-0x8-rgb", "crop-8x8-hsv",
                          "crop-8x8-rgb-x", "crop-5000x8-rgb", "crop-8xx8-rgb", "cropped"}) {
    CHECK_MESSAGE(!parse_crop_form(bad), bad);
  }
}

TEST_CASE("boxes are cut out, as JPEGs or as numbers, red first") {
  const auto crops = run("crop", picture(), {10, 10, 40, 60, 120, 20, 30, 30});
  REQUIRE_MESSAGE(crops, crops.error().text());
  CHECK(crops->at(0).shape == std::vector<int64_t>{2});
  const auto texts = ports::unpack_bytes(crops->at(0).data, 2);
  REQUIRE(texts);
  const std::vector<char> first(texts->at(0).begin(), texts->at(0).end());
  const cv::Mat cut = cv::imdecode(first, cv::IMREAD_COLOR);
  CHECK(cut.cols == 40);
  CHECK(cut.rows == 60);
  CHECK(cut.at<cv::Vec3b>(30, 20)[2] > 200);

  const auto numbers = run("crop-4x2-rgb", picture(), {10, 10, 40, 60, 120, 20, 30, 30});
  REQUIRE(numbers);
  CHECK(numbers->at(0).shape == std::vector<int64_t>{2, 3, 2, 4});
  CHECK(numbers->at(0).data.size() == 2 * 3 * 2 * 4 * 4);
  CHECK(number(numbers->at(0), 0) > 0.9f);        // red of the left one
  CHECK(number(numbers->at(0), 2 * 8) < 0.1f);    // its blue
  CHECK(number(numbers->at(0), 24 + 16) > 0.9f);  // blue of the right one

  const auto whole = run("decode-8x4-grey", picture(), {});
  REQUIRE(whole);
  CHECK(whole->at(0).name == "pixels");
  CHECK(whole->at(0).shape == std::vector<int64_t>{1, 1, 4, 8});
  CHECK(run("crop", picture(), {})->at(0).shape == std::vector<int64_t>{0});
}

TEST_CASE("what is no picture is named") {
  CHECK(run("crop", "no picture", {0, 0, 1, 1}).error().text() == "input 'image': is not a JPEG");
  CHECK(run("crop", picture().substr(0, 20), {0, 0, 1, 1}).error().code == Code::invalid);
}

TEST_CASE("whatever a model says of its boxes, as many crops come out, 64 at most") {
  const std::string jpeg = picture();
  REQUIRE(rc::check("any boxes", [&] {
    const auto any =
        rc::gen::oneOf(rc::gen::map(rc::gen::inRange(-500, 500), [](int v) { return static_cast<float>(v); }),
                       rc::gen::element(std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                                        1e30f, -1e30f));
    auto values = *rc::gen::container<std::vector<float>>(any);
    values.resize(values.size() / 4 * 4);
    const auto crops = run("crop-2x2-grey", jpeg, values);
    RC_ASSERT(crops.has_value());
    RC_ASSERT(crops->at(0).shape.front() == static_cast<int64_t>(values.size() / 4));
    RC_ASSERT(ports::check_size(crops->at(0)).has_value());
  }));
  CHECK(run("crop-2x2-grey", jpeg, std::vector<float>(70 * 4, 1))->at(0).shape.front() == 64);
}

}  // namespace barrio::adapters::crop_model_test
