#include "adapters/libav/live_reader.h"

#include <string_view>

#include "net/reactor.h"

namespace barrio::adapters::libav {

namespace {

constexpr const char* protocols = "tcp,udp,rtp,tls,http,https,httpproxy,crypto";
constexpr const char* protocols_with_files = "file,tcp,udp,rtp,tls,http,https,httpproxy,crypto";
// No playlists (HLS, DASH, concat): they name further addresses.
constexpr const char* formats = "rtsp,sdp,rtp,mpjpeg,mjpeg,jpeg_pipe,mpegts,h264,hevc,m4v";
constexpr const char* formats_with_files = "rtsp,sdp,rtp,mpjpeg,mjpeg,jpeg_pipe,mpegts,h264,hevc,m4v,avi";

class Options {
 public:
  Options() = default;
  ~Options() { av_dict_free(&dictionary_); }
  Options(const Options&) = delete;
  Options& operator=(const Options&) = delete;
  void set(const char* name, const char* value) { av_dict_set(&dictionary_, name, value, 0); }
  AVDictionary** get() { return &dictionary_; }

 private:
  AVDictionary* dictionary_ = nullptr;
};

Code code_of(int error) {
  switch (error) {
    case AVERROR_HTTP_NOT_FOUND: return Code::not_found;
    case AVERROR_HTTP_UNAUTHORIZED:
    case AVERROR_HTTP_FORBIDDEN: return Code::denied;
    case AVERROR_INVALIDDATA:
    case AVERROR_DEMUXER_NOT_FOUND:
    case AVERROR_DECODER_NOT_FOUND: return Code::invalid;
    default: return Code::unavailable;
  }
}

/// A JPEG that any decoder takes: cameras' MJPEG may leave out the Huffman tables.
bool is_whole_jpeg(std::string_view data) {
  const size_t head = std::min<size_t>(data.size(), 2048);
  return data.starts_with("\xff\xd8\xff") && data.ends_with("\xff\xd9") &&
         data.substr(0, head).find("\xff\xc4") != std::string_view::npos;
}

}  // namespace

LiveReader::LiveReader(const ReaderRequest& request, ReaderControl& control, Deliver deliver)
    : request_(request), control_(control), deliver_(std::move(deliver)) {}

int LiveReader::interrupted(void* reader) {
  const auto& self = *static_cast<const LiveReader*>(reader);
  return self.control_.stop || net::read_clock() - self.last_progress_ > self.request_.video.silence ? 1 : 0;
}

Result<void> LiveReader::open_source() {
  // What strangers send is no news for our log.
  av_log_set_level(AV_LOG_FATAL);
  AVFormatContext* raw = avformat_alloc_context();
  if (raw == nullptr) return fail(Code::unavailable, "no memory for a stream");
  raw->interrupt_callback = {&LiveReader::interrupted, this};
  raw->flags |= AVFMT_FLAG_NOBUFFER;
  Options options;
  options.set("rtsp_flags", "prefer_tcp");
  options.set("protocol_whitelist", request_.allow_files ? protocols_with_files : protocols);
  options.set("format_whitelist", request_.allow_files ? formats_with_files : formats);
  options.set("probesize", "500000");
  options.set("analyzeduration", "1000000");  // microseconds
  options.set("max_delay", "200000");         // microseconds that UDP packets may come out of order
  last_progress_ = net::read_clock();
  // Frees the context where it fails.
  int result = avformat_open_input(&raw, request_.video.url.c_str(), nullptr, options.get());
  if (result < 0) return fail(code_of(result), "cannot be opened: " + error_text(result));
  container_.reset(raw);
  last_progress_ = net::read_clock();
  result = avformat_find_stream_info(raw, nullptr);
  if (result < 0) return fail(code_of(result), "holds no readable stream: " + error_text(result));
  return {};
}

Result<void> LiveReader::open_codec() {
  const AVCodec* codec = nullptr;
  stream_ = av_find_best_stream(container_.get(), AVMEDIA_TYPE_VIDEO, -1, -1, &codec, 0);
  if (stream_ < 0 || codec == nullptr) return fail(Code::invalid, "holds no video that can be decoded");
  for (unsigned i = 0; i < container_->nb_streams; ++i) {
    if (static_cast<int>(i) != stream_) container_->streams[i]->discard = AVDISCARD_ALL;
  }
  codec_.reset(avcodec_alloc_context3(codec));
  avcodec_parameters_to_context(codec_.get(), container_->streams[stream_]->codecpar);
  codec_->thread_count = 1;
  codec_->flags |= AV_CODEC_FLAG_LOW_DELAY;
  codec_->max_pixels = max_frame_pixels;
  const int result = avcodec_open2(codec_.get(), codec, nullptr);
  if (result < 0) return fail(Code::invalid, "its video cannot be decoded: " + error_text(result));
  frame_.reset(av_frame_alloc());
  packet_.reset(av_packet_alloc());
  return {};
}

Error LiveReader::run() {
  auto opened = open_source();
  if (opened) opened = open_codec();
  if (!opened) return ending(std::move(opened).error());
  while (!control_.stop) {
    last_progress_ = net::read_clock();
    const int result = av_read_frame(container_.get(), packet_.get());
    if (result == AVERROR(EAGAIN)) continue;
    if (result == AVERROR_EOF) return ending({Code::unavailable, "it ended"});
    if (result < 0) return ending({code_of(result), "it broke off: " + error_text(result)});
    if (packet_->stream_index == stream_) take_packet(net::read_clock());
    av_packet_unref(packet_.get());
  }
  return ending({Code::cancelled, "it was closed"});
}

/// An interruption looks like all sorts of errors by the time that libav returns it.
Error LiveReader::ending(Error said) const {
  if (control_.stop) return {Code::cancelled, "it was closed"};
  const bool silent = net::read_clock() - last_progress_ > request_.video.silence;
  if (silent) return {Code::timed_out, "nothing came for " + to_string(request_.video.silence)};
  return said;
}

std::optional<Duration> LiveReader::stamp_of(int64_t pts) const {
  // MJPEG over HTTP has no times: libav makes up 25 frames a second, whatever the camera's pace is.
  const bool made_up = (container_->iformat->flags & AVFMT_NOTIMESTAMPS) != 0;
  if (made_up || pts == AV_NOPTS_VALUE) return std::nullopt;
  return Duration(av_rescale_q(pts, container_->streams[stream_]->time_base, AVRational{1, 1'000'000'000}));
}

bool LiveReader::is_too_old(Time taken) {
  if (net::read_clock() - taken <= request_.video.max_age) return false;
  ++control_.too_old;
  return true;
}

void LiveReader::take_packet(Time arrived) {
  const auto* properties = avcodec_descriptor_get(codec_->codec_id);
  const bool stands_alone = properties != nullptr && (properties->props & AV_CODEC_PROP_INTRA_ONLY) != 0;
  const auto stamp = stamp_of(packet_->pts);
  if (stands_alone) {
    const Time taken = clock_.taken(arrived, stamp);
    ++number_;
    ++control_.decoded;
    // A picture that nobody wants costs nothing; one that is JPEG already, hardly anything.
    if (!control_.wanted || is_too_old(taken) || pass_on(taken)) return;
    avcodec_send_packet(codec_.get(), packet_.get());
    if (avcodec_receive_frame(codec_.get(), frame_.get()) == 0) deliver_frame(*frame_, taken);
    return;
  }
  // Behind by more than a frame may be old: only whole pictures, until it has caught up.
  const bool behind = net::read_clock() - clock_.taken(arrived, stamp) > request_.video.max_age;
  codec_->skip_frame = behind ? AVDISCARD_NONKEY : AVDISCARD_DEFAULT;
  avcodec_send_packet(codec_.get(), packet_.get());
  take_frames(arrived);
}

/// False: it has to be decoded and encoded.
bool LiveReader::pass_on(Time taken) {
  const std::string_view data(reinterpret_cast<const char*>(packet_->data), static_cast<size_t>(packet_->size));
  const auto* parameters = container_->streams[stream_]->codecpar;
  if (codec_->codec_id != AV_CODEC_ID_MJPEG || !is_whole_jpeg(data) || parameters->width <= 0) return false;
  control_.wanted = false;
  deliver_({.jpeg = std::string(data),
            .width = parameters->width,
            .height = parameters->height,
            .taken = taken,
            .number = number_});
  return true;
}

void LiveReader::take_frames(Time arrived) {
  while (!control_.stop && avcodec_receive_frame(codec_.get(), frame_.get()) == 0) {
    ++number_;
    ++control_.decoded;
    const auto stamp = stamp_of(frame_->best_effort_timestamp);
    const Time taken = clock_.taken(arrived, stamp);
    if (control_.wanted && !is_too_old(taken)) deliver_frame(*frame_, taken);
  }
}

void LiveReader::deliver_frame(const AVFrame& frame, Time taken) {
  if (!encoder_ || encoder_->width() != frame.width || encoder_->height() != frame.height) {
    auto encoder = JpegEncoder::open(frame.width, frame.height);
    if (!encoder) return;
    encoder_.emplace(std::move(*encoder));
  }
  auto jpeg = encoder_->encode(frame);
  if (!jpeg) return;
  control_.wanted = false;
  deliver_({.jpeg = std::move(*jpeg), .width = frame.width, .height = frame.height, .taken = taken, .number = number_});
}

}  // namespace barrio::adapters::libav
