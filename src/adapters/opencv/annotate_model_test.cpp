#include "adapters/opencv/annotate_model.h"

#include <doctest/doctest.h>

#include <limits>
#include <opencv2/imgcodecs.hpp>

#include "adapters/opencv/jpeg.h"
#include "ports/tensor.h"

namespace barrio::adapters::annotate_model_test {

using ports::DataType;
using ports::Tensor;

namespace {

Result<cv::Mat> annotated(const std::string& jpeg, const std::vector<float>& boxes) {
  AnnotateModel model("draw");
  ports::InferenceRequest request;
  request.inputs.push_back({"image", DataType::BYTES, {1}, ports::pack_bytes(jpeg)});
  Tensor tensor{"boxes", DataType::FP32, {static_cast<int64_t>(boxes.size() / 4), 4}, {}};
  if (!boxes.empty()) tensor.data.assign(reinterpret_cast<const char*>(boxes.data()), boxes.size() * sizeof(float));
  request.inputs.push_back(std::move(tensor));
  TRY(const auto outputs, ports::run_alone(model, request));
  TRY(const auto elements, ports::unpack_bytes(outputs.front().data, 1));
  return decode_picture(elements.front(), false);
}

bool is_green(const cv::Mat& picture, int x, int y) {
  const auto pixel = picture.at<cv::Vec3b>(y, x);
  return pixel[1] > 140 && pixel[0] < 110 && pixel[2] < 110;
}

}  // namespace

TEST_CASE("boxes are drawn into the picture, wherever they are") {
  const std::string black = encode_jpeg(cv::Mat::zeros(100, 200, CV_8UC3));
  const auto drawn = annotated(black, {20, 10, 40, 60, -50, 80, 1000, 1000});
  REQUIRE_MESSAGE(drawn, drawn.error().text());
  CHECK(drawn->size() == cv::Size(200, 100));
  CHECK(is_green(*drawn, 20, 40));   // left side of the first
  CHECK(is_green(*drawn, 120, 80));  // upper side of the second, cut at the picture's edges
  CHECK(!is_green(*drawn, 40, 40));

  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float huge = std::numeric_limits<float>::infinity();
  CHECK(annotated(black, {nan, huge, -huge, nan, 1e30f, 1e30f, 1, 1}));
  const auto plain = annotated(black, {});
  REQUIRE(plain);
  CHECK(!is_green(*plain, 20, 40));
}

TEST_CASE("what is no JPEG is refused by the name of its input") {
  const auto refused = annotated("nonsense", {});
  REQUIRE(!refused);
  CHECK(refused.error().where == "input 'image'");
}

}  // namespace barrio::adapters::annotate_model_test
