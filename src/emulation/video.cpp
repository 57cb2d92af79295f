#include "emulation/video.h"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/imgutils.h>
#include <libswscale/swscale.h>
}

#include <memory>

namespace barrio::emulation {

namespace {

template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* object) const {
    Free(&object);
  }
};
using Container = std::unique_ptr<AVFormatContext, Freed<avformat_close_input>>;
using Codec = std::unique_ptr<AVCodecContext, Freed<avcodec_free_context>>;
using Frame = std::unique_ptr<AVFrame, Freed<av_frame_free>>;
using Packet = std::unique_ptr<AVPacket, Freed<av_packet_free>>;
struct FreeScaler {
  void operator()(SwsContext* scaler) const { sws_freeContext(scaler); }
};

Frame make_picture(const Sampling& sampling) {
  Frame picture(av_frame_alloc());
  picture->format = AV_PIX_FMT_YUVJ420P;
  picture->width = sampling.width;
  picture->height = sampling.height;
  if (av_frame_get_buffer(picture.get(), 0) < 0) return nullptr;
  return picture;
}

/// Scales frames and encodes each as a JPEG picture.
class JpegEncoder {
 public:
  static Result<JpegEncoder> open(const Sampling& sampling) {
    const AVCodec* codec = avcodec_find_encoder(AV_CODEC_ID_MJPEG);
    if (codec == nullptr) return fail(Code::unavailable, "libavcodec has no MJPEG encoder");
    JpegEncoder made;
    made.codec_.reset(avcodec_alloc_context3(codec));
    made.codec_->width = sampling.width;
    made.codec_->height = sampling.height;
    made.codec_->pix_fmt = AV_PIX_FMT_YUVJ420P;
    made.codec_->time_base = {1, 25};
    made.codec_->flags |= AV_CODEC_FLAG_QSCALE;
    made.codec_->global_quality = FF_QP2LAMBDA * 4;
    if (avcodec_open2(made.codec_.get(), codec, nullptr) < 0)
      return fail(Code::unavailable, "cannot open the MJPEG encoder");
    made.picture_ = make_picture(sampling);
    made.packet_.reset(av_packet_alloc());
    if (!made.picture_) return fail(Code::unavailable, "no memory for a picture");
    return made;
  }

  Result<std::string> encode(const AVFrame& frame) {
    const auto format = static_cast<AVPixelFormat>(frame.format);
    if (!scaler_) {
      scaler_.reset(sws_getContext(frame.width, frame.height, format, codec_->width, codec_->height,
                                   AV_PIX_FMT_YUVJ420P, SWS_AREA, nullptr, nullptr, nullptr));
    }
    if (!scaler_ || av_frame_make_writable(picture_.get()) < 0) return fail(Code::unavailable, "cannot scale a frame");
    sws_scale(scaler_.get(), frame.data, frame.linesize, 0, frame.height, picture_->data, picture_->linesize);
    picture_->pts = next_pts_++;
    picture_->quality = codec_->global_quality;
    if (avcodec_send_frame(codec_.get(), picture_.get()) < 0 ||
        avcodec_receive_packet(codec_.get(), packet_.get()) < 0) {
      return fail(Code::unavailable, "cannot encode a frame");
    }
    std::string jpeg(reinterpret_cast<const char*>(packet_->data), static_cast<size_t>(packet_->size));
    av_packet_unref(packet_.get());
    return jpeg;
  }

 private:
  Codec codec_;
  Frame picture_;
  Packet packet_;
  std::unique_ptr<SwsContext, FreeScaler> scaler_;
  int64_t next_pts_ = 0;
};

/// Decoded frames of the best video stream of a file, one by one.
class VideoReader {
 public:
  static Result<VideoReader> open(const std::string& file) {
    av_log_set_level(AV_LOG_ERROR);
    AVFormatContext* raw = nullptr;
    if (avformat_open_input(&raw, file.c_str(), nullptr, nullptr) < 0) {
      return fail(Code::not_found, "no video can be read from it (package opencv-doc carries the street video)", file);
    }
    VideoReader reader;
    reader.container_.reset(raw);
    if (avformat_find_stream_info(raw, nullptr) < 0) return fail(Code::invalid, "holds no readable stream", file);
    const AVCodec* codec = nullptr;
    reader.stream_ = av_find_best_stream(raw, AVMEDIA_TYPE_VIDEO, -1, -1, &codec, 0);
    if (reader.stream_ < 0 || codec == nullptr) return fail(Code::invalid, "holds no video that can be decoded", file);
    reader.codec_.reset(avcodec_alloc_context3(codec));
    avcodec_parameters_to_context(reader.codec_.get(), raw->streams[reader.stream_]->codecpar);
    reader.codec_->thread_count = 1;
    if (avcodec_open2(reader.codec_.get(), codec, nullptr) < 0)
      return fail(Code::invalid, "its video cannot be decoded", file);
    reader.frame_.reset(av_frame_alloc());
    reader.packet_.reset(av_packet_alloc());
    return reader;
  }

  /// The next frame, valid until the next call; null at the end.
  const AVFrame* next() {
    while (true) {
      if (avcodec_receive_frame(codec_.get(), frame_.get()) == 0) return frame_.get();
      if (at_end_) return nullptr;
      feed();
    }
  }

 private:
  void feed() {
    if (av_read_frame(container_.get(), packet_.get()) < 0) {
      at_end_ = true;
      avcodec_send_packet(codec_.get(), nullptr);
      return;
    }
    if (packet_->stream_index == stream_) avcodec_send_packet(codec_.get(), packet_.get());
    av_packet_unref(packet_.get());
  }

  Container container_;
  Codec codec_;
  Frame frame_;
  Packet packet_;
  int stream_ = -1;
  bool at_end_ = false;
};

}  // namespace

Result<std::vector<std::string>> sample_video(const std::string& file, const Sampling& sampling) {
  TRY(auto reader, VideoReader::open(file));
  TRY(auto encoder, JpegEncoder::open(sampling));
  std::vector<std::string> pictures;
  int number = 0;
  while (pictures.size() < sampling.most) {
    const AVFrame* frame = reader.next();
    if (frame == nullptr) break;
    if (number++ % sampling.every != 0) continue;
    TRY(auto picture, encoder.encode(*frame));
    pictures.push_back(std::move(picture));
  }
  if (pictures.empty()) return fail(Code::invalid, "holds no frame", file);
  return pictures;
}

}  // namespace barrio::emulation
