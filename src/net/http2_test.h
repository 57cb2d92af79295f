#pragma once
// For tests of HTTP/2: a server whose exchanges are recorded, and a client that sends any frames it likes.

#include <doctest/doctest.h>
#include <nghttp2/nghttp2.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>

#include "net/reactor.h"
#include "net/server.h"

namespace barrio::net::test {

inline SocketAddress any_port() {
  return *SocketAddress::parse("127.0.0.1:0");
}

inline void turn_until(Reactor& reactor, const std::function<bool()>& done) {
  const Time limit = reactor.fresh_now() + 10s;
  while (!done() && reactor.now() < limit) reactor.turn(10ms);
  REQUIRE(done());
}

inline void some_turns(Reactor& reactor) {
  for (int i = 0; i < 10; ++i) reactor.turn(0ns);
}

/// What came of one exchange.
struct Seen {
  Exchange* exchange = nullptr;  // null: over
  std::string path;
  std::string body;
  OwnedHeaders headers;
  OwnedHeaders trailers;
  bool ended = false;
  bool tunnel_ended = false;
  bool aborted = false;
  int writable = 0;
};

/// Notes what it is told; what it does meanwhile can be set. Without that it answers 200 "ok" at the end.
struct Recorder final : ExchangeHandler {
  using Act = std::function<void(Exchange&)>;
  Act head = [](Exchange&) {};
  Act body = [](Exchange&) {};
  Act end = [](Exchange& exchange) { exchange.reply(200, {}, "ok"); };
  std::deque<Seen> seen;

  static Seen& of(Exchange& exchange) { return *static_cast<Seen*>(exchange.context); }
  void on_head(Exchange& exchange) override {
    seen.push_back({&exchange, std::string(exchange.request().path), {}, {}, {}});
    exchange.context = &seen.back();
    for (const Header& header : exchange.request().headers) {
      seen.back().headers.emplace_back(header.name, header.value);
    }
    head(exchange);
  }
  void on_body(Exchange& exchange, std::string_view piece) override {
    CHECK_FALSE(of(exchange).exchange == nullptr);
    of(exchange).body += piece;
    body(exchange);
  }
  void on_trailers(Exchange& exchange, std::span<const Header> trailers) override {
    CHECK_FALSE(of(exchange).ended);
    for (const Header& header : trailers) of(exchange).trailers.emplace_back(header.name, header.value);
  }
  void on_end(Exchange& exchange) override {
    CHECK_FALSE(of(exchange).ended);
    of(exchange).ended = true;
    end(exchange);
  }
  void on_writable(Exchange& exchange) override { ++of(exchange).writable; }
  void on_tunnel_end(Exchange& exchange) override { of(exchange).tunnel_ended = true; }
  void on_closed(Exchange& exchange, bool aborted) override {
    CHECK_FALSE(of(exchange).exchange == nullptr);
    of(exchange).aborted = aborted;
    of(exchange).exchange = nullptr;
  }
  bool all_closed(size_t count) const {
    if (seen.size() != count) return false;
    for (const Seen& one : seen) {
      if (one.exchange != nullptr) return false;
    }
    return true;
  }
};

struct Frame {
  uint8_t type = 0;
  uint8_t flags = 0;
  int32_t stream = 0;
  std::string payload;
};

using Fields = std::vector<std::pair<std::string, std::string>>;

inline uint32_t number_at(std::string_view text, size_t at) {
  uint32_t number = 0;
  for (size_t i = 0; i < 4; ++i) number = number << 8 | static_cast<unsigned char>(text[at + i]);
  return number;
}

inline std::string number_text(uint32_t number, int bytes = 4) {
  std::string text;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) text += static_cast<char>(number >> shift & 0xff);
  return text;
}

/// One end of a connection that speaks in frames, right or wrong. Reads only when the loop has had its turns.
class FramePeer {
 public:
  static constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

  explicit FramePeer(int connected) : fd_(connected) {
    REQUIRE(nghttp2_hd_deflate_new(&deflater_, 4096) == 0);
    REQUIRE(nghttp2_hd_inflate_new(&inflater_) == 0);
  }
  ~FramePeer() {
    close();
    nghttp2_hd_deflate_del(deflater_);
    nghttp2_hd_inflate_del(inflater_);
  }
  FramePeer(const FramePeer&) = delete;
  FramePeer& operator=(const FramePeer&) = delete;

  /// A client that has said hello.
  static std::unique_ptr<FramePeer> client(const SocketAddress& address, std::string_view settings = "") {
    const int fd = ::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(::connect(fd, address.native(), address.native_length()) == 0);
    auto peer = std::make_unique<FramePeer>(fd);
    peer->raw(preface);
    peer->frame(NGHTTP2_SETTINGS, 0, 0, settings);
    return peer;
  }

  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  void raw(std::string_view bytes) {
    // A peer that has been refused may have been closed upon already.
    static_cast<void>(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL));
  }
  static std::string frame_text(uint8_t type, uint8_t flags, int32_t stream, std::string_view payload) {
    std::string text = number_text(static_cast<uint32_t>(payload.size()), 3);
    text += static_cast<char>(type);
    text += static_cast<char>(flags);
    return text + number_text(static_cast<uint32_t>(stream)) + std::string(payload);
  }
  void frame(uint8_t type, uint8_t flags, int32_t stream, std::string_view payload = "") {
    raw(frame_text(type, flags, stream, payload));
  }
  std::string block(const Fields& fields) {
    std::vector<nghttp2_nv> pairs;
    for (const auto& [name, value] : fields) {
      pairs.push_back({reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())),
                       reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())), name.size(), value.size(), 0});
    }
    std::string text(nghttp2_hd_deflate_bound(deflater_, pairs.data(), pairs.size()), '\0');
    const ssize_t size = nghttp2_hd_deflate_hd(deflater_, reinterpret_cast<uint8_t*>(text.data()), text.size(),
                                               pairs.data(), pairs.size());
    REQUIRE(size >= 0);
    text.resize(static_cast<size_t>(size));
    return text;
  }
  void headers(int32_t stream, const Fields& fields, bool ends = true) {
    frame(NGHTTP2_HEADERS, static_cast<uint8_t>(NGHTTP2_FLAG_END_HEADERS | (ends ? NGHTTP2_FLAG_END_STREAM : 0)),
          stream, block(fields));
  }
  static Fields get(const std::string& path = "/") {
    return {{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}, {":path", path}};
  }
  static Fields post(const std::string& path = "/", const Fields& more = {}) {
    Fields fields = {{":method", "POST"}, {":scheme", "http"}, {":authority", "a"}, {":path", path}};
    fields.insert(fields.end(), more.begin(), more.end());
    return fields;
  }
  void data(int32_t stream, std::string_view text, bool ends = false) {
    frame(NGHTTP2_DATA, ends ? NGHTTP2_FLAG_END_STREAM : 0, stream, text);
  }
  void reset(int32_t stream, uint32_t error) { frame(NGHTTP2_RST_STREAM, 0, stream, number_text(error)); }
  void window_update(int32_t stream, uint32_t size) { frame(NGHTTP2_WINDOW_UPDATE, 0, stream, number_text(size)); }

  /// Takes what has come. True: the connection is over.
  bool poll() {
    char buffer[65536];
    while (fd_ >= 0 && !over_) {
      const ssize_t got = ::recv(fd_, buffer, sizeof(buffer), MSG_DONTWAIT);
      if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
      if (got <= 0)
        over_ = true;
      else
        text_.append(buffer, static_cast<size_t>(got));
    }
    if (skip_preface_ && text_.size() >= preface.size()) {
      text_.erase(0, preface.size());
      skip_preface_ = false;
    }
    while (!skip_preface_ && text_.size() >= 9) {
      const size_t size = number_at(text_, 0) >> 8;
      if (text_.size() < 9 + size) break;
      take({static_cast<uint8_t>(text_[3]), static_cast<uint8_t>(text_[4]),
            static_cast<int32_t>(number_at(text_, 5) & 0x7fffffffU), text_.substr(9, size)});
      text_.erase(0, 9 + size);
    }
    return over_;
  }
  /// As a server: the client's bytes begin with the preface.
  void expect_preface() { skip_preface_ = true; }

  const Frame* find(uint8_t type, int32_t stream, size_t nth = 0) {
    poll();
    for (const Frame& frame : frames) {
      if (frame.type == type && frame.stream == stream && nth-- == 0) return &frame;
    }
    return nullptr;
  }
  size_t count(uint8_t type) {
    poll();
    return static_cast<size_t>(
        std::count_if(frames.begin(), frames.end(), [type](const Frame& frame) { return frame.type == type; }));
  }
  std::optional<uint32_t> reset_code(int32_t stream) {
    const Frame* found = find(NGHTTP2_RST_STREAM, stream);
    return found == nullptr ? std::nullopt : std::optional(number_at(found->payload, 0));
  }
  /// Of the last GOAWAY.
  std::optional<uint32_t> go_away_code() {
    const size_t said = count(NGHTTP2_GOAWAY);
    if (said == 0) return std::nullopt;
    return number_at(find(NGHTTP2_GOAWAY, 0, said - 1)->payload, 4);
  }
  std::string body(int32_t stream) {
    poll();
    std::string text;
    for (const Frame& frame : frames) {
      if (frame.type == NGHTTP2_DATA && frame.stream == stream) text += frame.payload;
    }
    return text;
  }
  bool ended(int32_t stream) {
    poll();
    return std::any_of(frames.begin(), frames.end(), [stream](const Frame& frame) {
      return frame.stream == stream && (frame.type == NGHTTP2_DATA || frame.type == NGHTTP2_HEADERS) &&
             (frame.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    });
  }
  std::string field(int32_t stream, const std::string& name) {
    poll();
    for (const auto& [id, key, value] : fields_) {
      if (id == stream && key == name) return value;
    }
    return "";
  }
  std::string status(int32_t stream) { return field(stream, ":status"); }

  std::vector<Frame> frames;

 private:
  void take(Frame frame) {
    if (frame.type == NGHTTP2_HEADERS || frame.type == NGHTTP2_CONTINUATION) inflate(frame);
    if (frame.type == NGHTTP2_SETTINGS && frame.flags == 0) this->frame(NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0);
    frames.push_back(std::move(frame));
  }
  void inflate(const Frame& frame) {
    auto* at = reinterpret_cast<const uint8_t*>(frame.payload.data());
    size_t left = frame.payload.size();
    for (;;) {
      nghttp2_nv pair{};
      int flags = 0;
      const ssize_t used = nghttp2_hd_inflate_hd2(inflater_, &pair, &flags, at, left, 1);
      REQUIRE(used >= 0);
      at += used;
      left -= static_cast<size_t>(used);
      if (flags & NGHTTP2_HD_INFLATE_EMIT) {
        fields_.emplace_back(frame.stream, std::string(reinterpret_cast<char*>(pair.name), pair.namelen),
                             std::string(reinterpret_cast<char*>(pair.value), pair.valuelen));
      }
      if (flags & NGHTTP2_HD_INFLATE_FINAL) break;
    }
    nghttp2_hd_inflate_end_headers(inflater_);
  }

  int fd_;
  bool over_ = false;
  bool skip_preface_ = false;
  std::string text_;
  std::vector<std::tuple<int32_t, std::string, std::string>> fields_;
  nghttp2_hd_deflater* deflater_ = nullptr;
  nghttp2_hd_inflater* inflater_ = nullptr;
};

struct World {
  explicit World(ServerLimits limits = {})
      : server(std::make_unique<Server>(reactor, std::move(limits), recorder)), address(*server->listen(any_port())) {}
  void until(const std::function<bool()>& done) { turn_until(reactor, done); }
  std::unique_ptr<FramePeer> client(std::string_view settings = "") { return FramePeer::client(address, settings); }
  Reactor reactor;
  Recorder recorder;
  std::unique_ptr<Server> server;
  SocketAddress address;
};

/// One entry of a SETTINGS frame.
inline std::string setting(uint16_t id, uint32_t value) {
  return number_text(id, 2) + number_text(value);
}

}  // namespace barrio::net::test
