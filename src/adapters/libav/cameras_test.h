#pragma once
// Cameras for tests, on loopback: one that speaks RTSP with its packets in the same TCP connection (RFC 2326, 10.12),
// and one that sends MJPEG over HTTP. A white square walks over a grey picture. One client at a time; each has a
// thread.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <functional>
#include <string>
#include <thread>

#include "adapters/libav/jpeg_encoder.h"

namespace barrio::adapters::libav {

constexpr int camera_width = 320;
constexpr int camera_height = 240;

/// The frame's number is where the square is.
inline void draw_frame(AVFrame& frame, int number) {
  const auto fill = [&](int plane, int height, int value) {
    std::memset(frame.data[plane], value, static_cast<size_t>(frame.linesize[plane]) * static_cast<size_t>(height));
  };
  fill(0, camera_height, 100);
  fill(1, camera_height / 2, 128);
  fill(2, camera_height / 2, 128);
  const int left = number * 4 % (camera_width - 40);
  for (int y = 100; y < 140; ++y) std::memset(frame.data[0] + y * frame.linesize[0] + left, 230, 40);
}

inline Frame blank_frame(AVPixelFormat format) {
  Frame frame(av_frame_alloc());
  frame->format = format;
  frame->width = camera_width;
  frame->height = camera_height;
  av_frame_get_buffer(frame.get(), 0);
  return frame;
}

/// A listening socket and a thread that serves one client after the other until the end.
class CameraServer {
 public:
  using Serve = std::function<void(int fd)>;
  explicit CameraServer(Serve serve) : serve_(std::move(serve)) {
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address));
    listen(listener_, 4);
    socklen_t length = sizeof(address);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~CameraServer() {
    stop = true;
    thread_.join();
    close(listener_);
  }
  CameraServer(const CameraServer&) = delete;
  CameraServer& operator=(const CameraServer&) = delete;
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  static bool readable(int fd, int ms) {
    pollfd one{fd, POLLIN, 0};
    return poll(&one, 1, ms) > 0;
  }
  static bool send_all(int fd, std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = send(fd, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      text.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }

  std::atomic<bool> stop = false;
  std::atomic<bool> hang_up = false;  // ends the present client's connection
  std::atomic<int> clients = 0;

 private:
  void run() {
    while (!stop) {
      if (!readable(listener_, 20)) continue;
      const int fd = accept(listener_, nullptr, nullptr);
      ++clients;
      hang_up = false;
      serve_(fd);
      close(fd);
    }
  }

  Serve serve_;
  int listener_ = -1;
  int port_ = 0;
  std::thread thread_;
};

/// Pictures at 25 a second, each as a part of a multipart answer.
class MjpegCamera {
 public:
  MjpegCamera() : server_([this](int fd) { serve(fd); }) {}
  std::string url() const { return "http://" + server_.address() + "/video"; }
  CameraServer& server() { return server_; }

 private:
  void serve(int fd) {
    std::string request(4096, '\0');
    if (!CameraServer::readable(fd, 1000) || recv(fd, request.data(), request.size(), 0) <= 0) return;
    CameraServer::send_all(fd, "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n");
    auto encoder = JpegEncoder::open(camera_width, camera_height);
    Frame frame = blank_frame(AV_PIX_FMT_YUVJ420P);
    for (int number = 1; !server_.stop && !server_.hang_up; ++number) {
      draw_frame(*frame, number);
      const auto jpeg = encoder->encode(*frame);
      const std::string part =
          "--frame\r\nContent-Type: image/jpeg\r\nContent-Length: " + std::to_string(jpeg->size()) + "\r\n\r\n" +
          *jpeg + "\r\n";
      if (!CameraServer::send_all(fd, part)) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(40));
    }
  }

  CameraServer server_;
};

/// H.264 or MJPEG at 25 frames a second, packed by libav's own RTP muxer.
class RtspCamera {
 public:
  explicit RtspCamera(const char* encoder) : encoder_name_(encoder), server_([this](int fd) { serve(fd); }) {}
  std::string url() const { return "rtsp://" + server_.address() + "/camera"; }
  CameraServer& server() { return server_; }
  std::atomic<int> frames = 0;

 private:
  struct Muxer {
    int fd = -1;
    AVFormatContext* context = nullptr;
    Codec codec;
    bool begun = false;  // what a muxer allocates for its header, only its trailer frees
    ~Muxer() {
      if (context == nullptr) return;
      if (begun) av_write_trailer(context);
      if (context->pb != nullptr) {
        av_freep(&context->pb->buffer);
        avio_context_free(&context->pb);
      }
      avformat_free_context(context);
    }
  };

  /// One RTP or RTCP packet, interleaved: '$', channel, length.
  static int send_packet(void* opaque, uint8_t* data, int size) {
    const bool control = size > 1 && data[1] >= 200 && data[1] <= 204;
    std::string framed = {'$', static_cast<char>(control ? 1 : 0), static_cast<char>(size >> 8),
                          static_cast<char>(size & 0xff)};
    framed.append(reinterpret_cast<const char*>(data), static_cast<size_t>(size));
    return CameraServer::send_all(static_cast<Muxer*>(opaque)->fd, framed) ? size : AVERROR(EPIPE);
  }

  void open_muxer(Muxer& muxer, int fd) const {
    const AVCodec* codec = avcodec_find_encoder_by_name(encoder_name_);
    muxer.fd = fd;
    muxer.codec.reset(avcodec_alloc_context3(codec));
    const bool jpeg = codec->id == AV_CODEC_ID_MJPEG;
    muxer.codec->width = camera_width;
    muxer.codec->height = camera_height;
    muxer.codec->pix_fmt = jpeg ? AV_PIX_FMT_YUVJ420P : AV_PIX_FMT_YUV420P;
    muxer.codec->time_base = {1, 25};
    muxer.codec->gop_size = 12;
    muxer.codec->thread_count = 1;
    if (jpeg) {
      av_opt_set(muxer.codec->priv_data, "huffman", "default", 0);  // RTP carries no tables
    } else {
      av_opt_set(muxer.codec->priv_data, "preset", "ultrafast", 0);
      av_opt_set(muxer.codec->priv_data, "tune", "zerolatency", 0);
    }
    avcodec_open2(muxer.codec.get(), codec, nullptr);
    avformat_alloc_output_context2(&muxer.context, nullptr, "rtp", nullptr);
    muxer.context->url = av_strdup("rtp://127.0.0.1:0");
    AVStream* stream = avformat_new_stream(muxer.context, nullptr);
    avcodec_parameters_from_context(stream->codecpar, muxer.codec.get());
    stream->time_base = muxer.codec->time_base;
    constexpr int packet_bytes = 1400;
    muxer.context->pb = avio_alloc_context(static_cast<unsigned char*>(av_malloc(packet_bytes)), packet_bytes, 1,
                                           &muxer, nullptr, &RtspCamera::send_packet, nullptr);
    muxer.context->pb->max_packet_size = packet_bytes;
    muxer.context->packet_size = packet_bytes;
  }

  static std::string description(Muxer& muxer) {
    std::string text(8192, '\0');
    av_sdp_create(&muxer.context, 1, text.data(), static_cast<int>(text.size()));
    text.resize(std::strlen(text.c_str()));
    return text + "a=control:streamid=0\r\n";
  }

  /// Answers until PLAY. False: the client has gone.
  static bool answer_until_play(int fd, Muxer& muxer) {
    std::string text;
    while (true) {
      std::string piece(4096, '\0');
      if (!CameraServer::readable(fd, 3000)) return false;
      const ssize_t got = recv(fd, piece.data(), piece.size(), 0);
      if (got <= 0) return false;
      text.append(piece, 0, static_cast<size_t>(got));
      const size_t end = text.find("\r\n\r\n");
      if (end == std::string::npos) continue;
      const std::string head = text.substr(0, end + 2);
      text.erase(0, end + 4);
      const size_t sequence = head.find("CSeq: ");
      std::string answer = "RTSP/1.0 200 OK\r\n" + head.substr(sequence, head.find("\r\n", sequence) + 2 - sequence);
      std::string body;
      if (head.starts_with("OPTIONS")) answer += "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n";
      if (head.starts_with("DESCRIBE")) {
        body = description(muxer);
        answer += "Content-Type: application/sdp\r\n";
      }
      if (head.starts_with("SETUP")) answer += "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 7\r\n";
      if (head.starts_with("PLAY")) answer += "Session: 7\r\nRange: npt=0.000-\r\n";
      answer += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
      if (!CameraServer::send_all(fd, answer)) return false;
      if (head.starts_with("PLAY")) return true;
    }
  }

  void serve(int fd) {
    Muxer muxer;
    open_muxer(muxer, fd);
    if (!answer_until_play(fd, muxer)) return;
    muxer.begun = avformat_write_header(muxer.context, nullptr) >= 0;
    if (!muxer.begun) return;
    Frame frame = blank_frame(muxer.codec->pix_fmt);
    Packet packet(av_packet_alloc());
    for (int number = 0; !server_.stop && !server_.hang_up; ++number) {
      av_frame_make_writable(frame.get());
      draw_frame(*frame, number);
      frame->pts = number;
      avcodec_send_frame(muxer.codec.get(), frame.get());
      while (avcodec_receive_packet(muxer.codec.get(), packet.get()) == 0) {
        av_packet_rescale_ts(packet.get(), muxer.codec->time_base, muxer.context->streams[0]->time_base);
        packet->stream_index = 0;
        if (av_write_frame(muxer.context, packet.get()) < 0) return;
        av_packet_unref(packet.get());
      }
      ++frames;
      std::this_thread::sleep_for(std::chrono::milliseconds(40));
    }
  }

  const char* encoder_name_;
  CameraServer server_;
};

}  // namespace barrio::adapters::libav
