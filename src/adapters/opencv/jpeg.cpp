#include "adapters/opencv/jpeg.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgcodecs.hpp>
#include <vector>

namespace barrio::adapters {

namespace {

constexpr int jpeg_quality = 90;

int byte_at(std::string_view text, size_t index) {
  return static_cast<unsigned char>(text[index]);
}
int pair_at(std::string_view text, size_t index) {
  return byte_at(text, index) << 8 | byte_at(text, index + 1);
}

bool is_frame_header(int marker) {
  return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

int reduction(cv::Size size, int width_wanted) {
  if (size.width / 8 >= width_wanted) return cv::IMREAD_REDUCED_GRAYSCALE_8;
  if (size.width / 4 >= width_wanted) return cv::IMREAD_REDUCED_GRAYSCALE_4;
  if (size.width / 2 >= width_wanted) return cv::IMREAD_REDUCED_GRAYSCALE_2;
  return cv::IMREAD_GRAYSCALE;
}

}  // namespace

Result<cv::Size> jpeg_size(std::string_view jpeg) {
  if (!jpeg.starts_with("\xff\xd8")) return fail(Code::invalid, "is not a JPEG");
  size_t at = 2;
  while (at + 4 <= jpeg.size() && byte_at(jpeg, at) == 0xff) {
    const int marker = byte_at(jpeg, at + 1);
    if (marker == 0xff) {  // fill byte
      ++at;
      continue;
    }
    const auto length = static_cast<size_t>(pair_at(jpeg, at + 2));
    if (is_frame_header(marker)) {
      if (length < 8 || at + 9 > jpeg.size()) break;
      const cv::Size size(pair_at(jpeg, at + 7), pair_at(jpeg, at + 5));
      if (size.width == 0 || size.height == 0) return fail(Code::invalid, "is a JPEG without a size");
      return size;
    }
    if (length < 2 || marker == 0xda || marker == 0xd9) break;
    at += 2 + length;
  }
  return fail(Code::invalid, "is a malformed JPEG: no frame header");
}

Result<GreyFrame> decode_grey(std::string_view jpeg, int width_wanted) {
  TRY(const cv::Size size, jpeg_size(jpeg));
  if (static_cast<int64_t>(size.width) * size.height > max_frame_pixels) {
    return fail(Code::invalid, "is a JPEG of " + std::to_string(size.width) + "x" + std::to_string(size.height) +
                                   ", more than " + std::to_string(max_frame_pixels) + " pixels");
  }
  // The decoder would fill what is missing with grey and call it a success.
  if (jpeg.rfind("\xff\xd9") == std::string_view::npos) return fail(Code::invalid, "is a JPEG that was cut short");
  GreyFrame frame;
  frame.original = size;
  try {
    const cv::Mat encoded(1, static_cast<int>(jpeg.size()), CV_8UC1, const_cast<char*>(jpeg.data()));
    // The box coordinates are those of the pixels as stored, whatever an EXIF rotation says.
    frame.pixels = cv::imdecode(encoded, reduction(size, width_wanted) | cv::IMREAD_IGNORE_ORIENTATION);
  } catch (const cv::Exception& error) {
    return fail(Code::invalid, "is a JPEG that cannot be decoded: " + error.err);
  }
  if (frame.pixels.empty()) return fail(Code::invalid, "is a JPEG that cannot be decoded");
  return frame;
}

Result<cv::Mat> decode_picture(std::string_view jpeg, bool grey) {
  TRY(const cv::Size size, jpeg_size(jpeg));
  if (static_cast<int64_t>(size.width) * size.height > max_frame_pixels) {
    return fail(Code::invalid, "is a JPEG of more than " + std::to_string(max_frame_pixels) + " pixels");
  }
  const cv::Mat encoded(1, static_cast<int>(jpeg.size()), CV_8UC1, const_cast<char*>(jpeg.data()));
  cv::Mat picture =
      cv::imdecode(encoded, (grey ? cv::IMREAD_GRAYSCALE : cv::IMREAD_COLOR) | cv::IMREAD_IGNORE_ORIENTATION);
  if (picture.empty()) return fail(Code::invalid, "is a JPEG that cannot be decoded");
  return picture;
}

std::string encode_jpeg(const cv::Mat& picture) {
  std::vector<unsigned char> bytes;
  cv::imencode(".jpg", picture, bytes, {cv::IMWRITE_JPEG_QUALITY, jpeg_quality});
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

cv::Rect box_inside(const float* box, const cv::Mat& picture) {
  const auto pixel = [](float value, int most) {
    return std::isfinite(value) ? static_cast<int>(std::clamp(value, 0.0f, static_cast<float>(most))) : 0;
  };
  const int left = std::min(pixel(box[0], picture.cols), picture.cols - 1);
  const int top = std::min(pixel(box[1], picture.rows), picture.rows - 1);
  const int right = std::max(left + 1, pixel(box[0] + box[2], picture.cols));
  const int bottom = std::max(top + 1, pixel(box[1] + box[3], picture.rows));
  return {left, top, right - left, bottom - top};
}

}  // namespace barrio::adapters
