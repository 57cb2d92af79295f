#include "adapters/libav/jpeg_encoder.h"

namespace barrio::adapters::libav {

namespace {

Frame make_picture(int width, int height) {
  Frame picture(av_frame_alloc());
  picture->format = AV_PIX_FMT_YUVJ420P;
  picture->width = width;
  picture->height = height;
  if (av_frame_get_buffer(picture.get(), 0) < 0) return nullptr;
  return picture;
}

}  // namespace

Result<JpegEncoder> JpegEncoder::open(int width, int height) {
  const AVCodec* codec = avcodec_find_encoder(AV_CODEC_ID_MJPEG);
  if (codec == nullptr) return fail(Code::unavailable, "libavcodec has no MJPEG encoder");
  JpegEncoder made;
  made.codec_.reset(avcodec_alloc_context3(codec));
  made.codec_->width = width;
  made.codec_->height = height;
  made.codec_->pix_fmt = AV_PIX_FMT_YUVJ420P;
  made.codec_->time_base = {1, 25};
  made.codec_->flags |= AV_CODEC_FLAG_QSCALE;
  made.codec_->global_quality = FF_QP2LAMBDA * 4;
  made.codec_->thread_count = 1;
  if (avcodec_open2(made.codec_.get(), codec, nullptr) < 0)
    return fail(Code::unavailable, "cannot open the MJPEG encoder");
  made.picture_ = make_picture(width, height);
  made.packet_.reset(av_packet_alloc());
  if (!made.picture_) return fail(Code::unavailable, "no memory for a picture");
  return made;
}

Result<std::string> JpegEncoder::encode(const AVFrame& frame) {
  // Cached: a stream may change its size or format while it runs.
  scaler_.reset(sws_getCachedContext(scaler_.release(), frame.width, frame.height,
                                     static_cast<AVPixelFormat>(frame.format), codec_->width, codec_->height,
                                     AV_PIX_FMT_YUVJ420P, SWS_AREA, nullptr, nullptr, nullptr));
  if (!scaler_ || av_frame_make_writable(picture_.get()) < 0) return fail(Code::unavailable, "cannot scale a frame");
  sws_scale(scaler_.get(), frame.data, frame.linesize, 0, frame.height, picture_->data, picture_->linesize);
  picture_->pts = next_pts_++;
  picture_->quality = codec_->global_quality;
  if (avcodec_send_frame(codec_.get(), picture_.get()) < 0 || avcodec_receive_packet(codec_.get(), packet_.get()) < 0) {
    return fail(Code::unavailable, "cannot encode a frame");
  }
  std::string jpeg(reinterpret_cast<const char*>(packet_->data), static_cast<size_t>(packet_->size));
  av_packet_unref(packet_.get());
  return jpeg;
}

}  // namespace barrio::adapters::libav
