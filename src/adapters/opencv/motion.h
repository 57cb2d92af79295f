#pragma once
// What moved since the last frame of a stream. Pedestrian detection is dear; looking only where something moved makes
// it several times cheaper on a fixed camera.

#include <list>
#include <opencv2/core.hpp>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace barrio::adapters {

struct Detection {
  cv::Rect2f box;  // in pixels of the searched frame
  float score = 0;
};

/// What is remembered of one stream.
struct StreamMemory {
  cv::Mat thumbnail;  // empty: nothing seen yet
  cv::Size size;      // of the frame it was made of
  std::vector<Detection> detections;
  int frames_since_full = 0;
};

/// The last streams seen, at most `most`: the one not heard of for longest is forgotten.
class StreamMemories {
 public:
  explicit StreamMemories(size_t most) : most_(most) {}
  /// Made empty on first call with this name. The reference lives until the next call.
  StreamMemory& of(const std::string& stream);
  size_t size() const { return order_.size(); }

 private:
  size_t most_;
  std::list<std::pair<std::string, StreamMemory>> order_;  // newest first
  std::unordered_map<std::string, std::list<std::pair<std::string, StreamMemory>>::iterator> by_name_;
};

/// Small and blurred, so that noise and JPEG artefacts are no motion.
cv::Mat make_thumbnail(const cv::Mat& grey);

/// The parts of a frame of size `frame` in which two thumbnails differ, each padded by `margin` pixels and grown to at
/// least `least`; none overlap. Empty: nothing moved.
std::vector<cv::Rect> moving_regions(const cv::Mat& before, const cv::Mat& now, cv::Size frame, int margin,
                                     cv::Size least);

}  // namespace barrio::adapters
