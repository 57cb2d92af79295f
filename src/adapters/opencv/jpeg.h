#pragma once
// JPEG frames of strangers: the size is read from the header before anything is decoded.

#include <opencv2/core.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace barrio::adapters {

/// 4K UHD. It bounds memory and time of one frame.
constexpr int64_t max_frame_pixels = 3840 * 2160;

/// Width and height in pixels, from the frame header (ITU-T T.81, B.2.2). Errors: invalid.
Result<cv::Size> jpeg_size(std::string_view jpeg);

struct GreyFrame {
  cv::Mat pixels;     // 8 bit
  cv::Size original;  // size of the JPEG, which may be larger
};

/// Decodes to grey, at a half, a quarter or an eighth where that is still at least `width_wanted` wide. Errors: invalid
/// (not a JPEG, cut short, larger than max_frame_pixels).
Result<GreyFrame> decode_grey(std::string_view jpeg, int width_wanted);

/// The whole picture, blue first, or grey. Errors: invalid.
Result<cv::Mat> decode_picture(std::string_view jpeg, bool grey);
std::string encode_jpeg(const cv::Mat& picture);

/// A box as it comes from a model (x, y, width, height: any numbers), cut where it leaves the picture; at least a
/// pixel.
cv::Rect box_inside(const float* box, const cv::Mat& picture);

}  // namespace barrio::adapters
