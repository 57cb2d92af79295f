#include "adapters/libav/video_file.h"

#include "adapters/libav/jpeg_encoder.h"

namespace barrio::adapters {

namespace {

using namespace libav;

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
  TRY(auto encoder, JpegEncoder::open(sampling.width, sampling.height));
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

}  // namespace barrio::adapters
