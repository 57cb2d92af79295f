#pragma once
// Video as analysis wants it: always the newest picture, never one that waited in a queue. Everything happens on the
// caller's loop; nothing blocks.

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/time.h"

namespace barrio::ports {

struct VideoFrame {
  std::string jpeg;
  int width = 0;  // pixels
  int height = 0;
  Time taken{};         // when the camera took it, as far as its pace tells; never later than now
  uint64_t number = 0;  // in its stream, from 1; those between two that are handed out were skipped
};

class VideoListener {
 public:
  /// The answer to one want().
  virtual void on_frame(VideoFrame frame) = 0;
  /// It could not be opened, ended or broke off. The last call. Codes: not_found, invalid (no video that can be
  /// decoded), denied, unavailable, timed_out.
  virtual void on_end(Error error) = 0;

 protected:
  ~VideoListener() = default;
};

struct VideoCounts {
  uint64_t decoded = 0;
  uint64_t too_old = 0;  // decoded, wanted, and over max_age by then
};

/// One stream that is being read. Its end closes it; the listener hears no more.
class Video {
 public:
  virtual ~Video() = default;
  /// The next frame that is decoded and not older than max_age. At most one is out.
  virtual void want() = 0;
  virtual VideoCounts counts() const = 0;
};

struct VideoRequest {
  std::string url;
  Duration max_age = 500ms;
  Duration silence = 5s;  // nothing came for so long, also while it is opened: it has broken off
};

class VideoDecoder {
 public:
  virtual ~VideoDecoder() = default;
  /// Errors: invalid (a URL of a kind that is not allowed), exhausted (as many streams are open as it has threads).
  virtual Result<std::unique_ptr<Video>> open(const VideoRequest& request, VideoListener& listener) = 0;
};

}  // namespace barrio::ports
