#include "adapters/opencv/motion.h"

#include <opencv2/imgproc.hpp>

namespace barrio::adapters {

namespace {

constexpr int thumbnail_width = 160;
constexpr double changed_by = 14;  // grey levels
constexpr int least_pixels = 4;    // of a thumbnail; smaller specks are noise
constexpr size_t most_regions = 16;

/// Joins overlapping rectangles until none overlap.
void merge(std::vector<cv::Rect>& regions) {
  bool joined = true;
  while (joined) {
    joined = false;
    for (size_t i = 0; i < regions.size() && !joined; ++i) {
      for (size_t k = i + 1; k < regions.size() && !joined; ++k) {
        if ((regions[i] & regions[k]).empty()) continue;
        regions[i] |= regions[k];
        regions.erase(regions.begin() + static_cast<std::ptrdiff_t>(k));
        joined = true;
      }
    }
  }
}

cv::Rect grown(cv::Rect blob, int margin, cv::Size least, cv::Size frame) {
  blob -= cv::Point(margin, margin);
  blob += cv::Size(2 * margin, 2 * margin);
  const int more_width = std::max(0, least.width - blob.width);
  const int more_height = std::max(0, least.height - blob.height);
  blob -= cv::Point(more_width / 2, more_height / 2);
  blob += cv::Size(more_width, more_height);
  // A region at the border keeps its size by moving inwards.
  blob.x = std::clamp(blob.x, 0, std::max(0, frame.width - blob.width));
  blob.y = std::clamp(blob.y, 0, std::max(0, frame.height - blob.height));
  return blob & cv::Rect(cv::Point(), frame);
}

}  // namespace

StreamMemory& StreamMemories::of(const std::string& stream) {
  const auto found = by_name_.find(stream);
  if (found != by_name_.end()) {
    order_.splice(order_.begin(), order_, found->second);
    return order_.front().second;
  }
  if (order_.size() >= most_) {
    by_name_.erase(order_.back().first);
    order_.pop_back();
  }
  order_.emplace_front(stream, StreamMemory());
  by_name_[stream] = order_.begin();
  return order_.front().second;
}

cv::Mat make_thumbnail(const cv::Mat& grey) {
  const int height = std::max(1, grey.rows * thumbnail_width / std::max(1, grey.cols));
  cv::Mat thumbnail;
  cv::resize(grey, thumbnail, cv::Size(thumbnail_width, height), 0, 0, cv::INTER_AREA);
  cv::GaussianBlur(thumbnail, thumbnail, cv::Size(3, 3), 0);
  return thumbnail;
}

std::vector<cv::Rect> moving_regions(const cv::Mat& before, const cv::Mat& now, cv::Size frame, int margin,
                                     cv::Size least) {
  cv::Mat changed;
  cv::absdiff(before, now, changed);
  cv::threshold(changed, changed, changed_by, 255, cv::THRESH_BINARY);
  cv::dilate(changed, changed, cv::Mat(), cv::Point(-1, -1), 2);
  cv::Mat labels, stats, centroids;
  const int count = cv::connectedComponentsWithStats(changed, labels, stats, centroids, 8);
  const double scale_x = static_cast<double>(frame.width) / now.cols;
  const double scale_y = static_cast<double>(frame.height) / now.rows;
  std::vector<cv::Rect> regions;
  for (int i = 1; i < count; ++i) {
    // Two rounds of dilation turn one pixel into 25.
    if (stats.at<int>(i, cv::CC_STAT_AREA) < 24 + least_pixels) continue;
    const cv::Rect blob(static_cast<int>(stats.at<int>(i, cv::CC_STAT_LEFT) * scale_x),
                        static_cast<int>(stats.at<int>(i, cv::CC_STAT_TOP) * scale_y),
                        static_cast<int>(stats.at<int>(i, cv::CC_STAT_WIDTH) * scale_x) + 1,
                        static_cast<int>(stats.at<int>(i, cv::CC_STAT_HEIGHT) * scale_y) + 1);
    regions.push_back(grown(blob, margin, least, frame));
    // So much motion is a camera that moves: one region is cheaper than many.
    if (regions.size() > most_regions) return {cv::Rect(cv::Point(), frame)};
  }
  merge(regions);
  return regions;
}

}  // namespace barrio::adapters
