#pragma once
// Decoded frames as JPEG pictures, scaled where asked for.

#include "adapters/libav/libav.h"
#include "base/result.h"

namespace barrio::adapters::libav {

class JpegEncoder {
 public:
  /// Pictures of width x height pixels. Errors: unavailable.
  static Result<JpegEncoder> open(int width, int height);
  /// Errors: unavailable.
  Result<std::string> encode(const AVFrame& frame);
  int width() const { return codec_->width; }
  int height() const { return codec_->height; }

 private:
  Codec codec_;
  Frame picture_;
  Packet packet_;
  Scaler scaler_;
  int64_t next_pts_ = 0;
};

}  // namespace barrio::adapters::libav
