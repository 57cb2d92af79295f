#pragma once
// One source of video, read on one thread: packets in, the newest picture out when it is wanted. Blocking.

#include <atomic>
#include <functional>
#include <optional>
#include <string>

#include "adapters/libav/frame_clock.h"
#include "adapters/libav/jpeg_encoder.h"
#include "ports/video.h"

namespace barrio::adapters::libav {

/// 4K UHD. It bounds memory and time of one frame.
constexpr int64_t max_frame_pixels = 3840 * 2160;

/// What the reading thread and the loop tell each other.
struct ReaderControl {
  std::atomic<bool> stop = false;
  std::atomic<bool> wanted = false;
  std::atomic<uint64_t> decoded = 0;
  std::atomic<uint64_t> too_old = 0;
};

struct ReaderRequest {
  ports::VideoRequest video;
  bool allow_files = false;
};

class LiveReader {
 public:
  using Deliver = std::function<void(ports::VideoFrame)>;
  LiveReader(const ReaderRequest& request, ReaderControl& control, Deliver deliver);
  /// Reads until the source ends or `control.stop`. Returns why it is over; see ports::VideoListener::on_end.
  Error run();

 private:
  Result<void> open_source();
  Result<void> open_codec();
  void take_packet(Time arrived);
  void take_frames(Time arrived);
  void deliver_frame(const AVFrame& frame, Time taken);
  bool pass_on(Time taken);
  bool is_too_old(Time taken);
  std::optional<Duration> stamp_of(int64_t pts) const;
  Error ending(Error said) const;
  static int interrupted(void* reader);

  const ReaderRequest& request_;
  ReaderControl& control_;
  Deliver deliver_;
  Time last_progress_{};
  Container container_;
  Codec codec_;
  Frame frame_;
  Packet packet_;
  std::optional<JpegEncoder> encoder_;
  FrameClock clock_;
  int stream_ = -1;
  uint64_t number_ = 0;
};

}  // namespace barrio::adapters::libav
