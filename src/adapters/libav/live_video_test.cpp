#include "adapters/libav/live_video.h"

#include <doctest/doctest.h>

#include <optional>

#include "adapters/libav/cameras_test.h"

namespace barrio::adapters::live_video_test {

namespace {

struct Watcher final : ports::VideoListener {
  void on_frame(ports::VideoFrame frame) override { frames.push_back(std::move(frame)); }
  void on_end(Error error) override { end = std::move(error); }
  std::vector<ports::VideoFrame> frames;
  std::optional<Error> end;
};

struct World {
  explicit World(LibavConfig config = {}) : decoder(reactor, config) {}
  void until(const std::function<bool()>& done) {
    const Time limit = reactor.fresh_now() + 20s;
    while (!done() && reactor.fresh_now() < limit) reactor.turn(50ms);
    INFO((watcher.end ? watcher.end->text() : ""));
    REQUIRE(done());
  }
  void open(const std::string& url, Duration max_age = 500ms, Duration silence = 5s) {
    auto opened = decoder.open({.url = url, .max_age = max_age, .silence = silence}, watcher);
    REQUIRE_MESSAGE(opened, opened.error().text());
    video = std::move(*opened);
  }
  const ports::VideoFrame& next() {
    const size_t before = watcher.frames.size();
    video->want();
    until([&] { return watcher.frames.size() > before || watcher.end; });
    REQUIRE(watcher.frames.size() == before + 1);
    return watcher.frames.back();
  }
  void check_frames() {
    const ports::VideoFrame first = next();
    CHECK(first.width == libav::camera_width);
    CHECK(first.height == libav::camera_height);
    CHECK(first.jpeg.starts_with("\xff\xd8\xff"));
    CHECK(first.jpeg.ends_with("\xff\xd9"));
    CHECK(first.taken <= reactor.fresh_now());
    // Nothing is handed out unasked, and what is asked for later is new, not what came meanwhile.
    const uint64_t seen = video->counts().decoded;
    until([&] { return video->counts().decoded >= seen + 10; });
    CHECK(watcher.frames.size() == 1);
    const Time asked = reactor.fresh_now();
    const ports::VideoFrame& later = next();
    CHECK(later.number >= first.number + 10);
    CHECK(later.taken > asked - 200ms);
    CHECK(later.jpeg != first.jpeg);
  }

  net::Reactor reactor;
  Watcher watcher;
  LibavDecoder decoder;
  std::unique_ptr<ports::Video> video;
};

}  // namespace

TEST_CASE("MJPEG over HTTP: the newest picture when it is asked for") {
  libav::MjpegCamera camera;
  World world;
  world.open(camera.url());
  world.check_frames();
}

TEST_CASE("H.264 over RTSP in one TCP connection") {
  libav::RtspCamera camera("libx264");
  World world;
  world.open(camera.url());
  world.check_frames();
}

TEST_CASE("MJPEG over RTSP") {
  libav::RtspCamera camera("mjpeg");
  World world;
  world.open(camera.url());
  world.check_frames();
}

TEST_CASE("a camera that hangs up is told, and can be opened again on the same thread") {
  libav::MjpegCamera camera;
  World world({.streams = 1});
  world.open(camera.url());
  world.next();
  camera.server().hang_up = true;
  world.until([&] { return world.watcher.end.has_value(); });
  CHECK(world.watcher.end->code == Code::unavailable);
  world.watcher.end.reset();
  world.open(camera.url());
  world.next();
  CHECK(camera.server().clients == 2);
}

TEST_CASE("one that is closed frees its thread; over the number of threads none is opened") {
  libav::MjpegCamera camera;
  World world({.streams = 1});
  world.open(camera.url());
  Watcher other;
  CHECK(world.decoder.open({.url = camera.url()}, other).error().code == Code::exhausted);
  world.video.reset();
  std::unique_ptr<ports::Video> next;
  world.until([&] {
    auto opened = world.decoder.open({.url = camera.url()}, other);
    if (opened) next = std::move(*opened);
    return next != nullptr;
  });
  CHECK_FALSE(world.watcher.end);
  CHECK(world.watcher.frames.empty());
}

TEST_CASE("what is not video, or is silent, ends with the reason") {
  libav::CameraServer text([](int fd) {
    libav::CameraServer::readable(fd, 1000);
    libav::CameraServer::send_all(fd, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello");
  });
  World world;
  world.open("http://" + text.address() + "/");
  world.until([&] { return world.watcher.end.has_value(); });
  CHECK(world.watcher.end->code == Code::invalid);

  libav::CameraServer silent([&](int fd) {
    while (!silent.stop) {
      char byte = 0;
      if (libav::CameraServer::readable(fd, 10) && recv(fd, &byte, 1, 0) <= 0) return;
    }
  });
  world.watcher.end.reset();
  world.open("rtsp://" + silent.address() + "/", 500ms, 300ms);
  world.until([&] { return world.watcher.end.has_value(); });
  CHECK(world.watcher.end->code == Code::timed_out);
}

TEST_CASE("files, and playlists that name others, are not opened") {
  World world;
  Watcher watcher;
  for (const char* url : {"file:///etc/passwd", "/etc/passwd", "concat:a|b", "pipe:0", "data:x", ""}) {
    CHECK_MESSAGE(world.decoder.open({.url = url}, watcher).error().code == Code::invalid, url);
  }
  libav::MjpegCamera camera;
  libav::CameraServer playlist([&](int fd) {
    libav::CameraServer::readable(fd, 1000);
    const std::string body = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n" + camera.url() + "\n";
    libav::CameraServer::send_all(fd,
                                  "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.apple.mpegurl\r\n"
                                  "Content-Length: " +
                                      std::to_string(body.size()) + "\r\n\r\n" + body);
  });
  world.open("http://" + playlist.address() + "/live.m3u8");
  world.until([&] { return world.watcher.end.has_value(); });
  CHECK(camera.server().clients == 0);
}

TEST_CASE("a file, where tests may read one") {
  World world({.allow_files = true});
  world.open("file:/usr/share/doc/opencv-doc/examples/data/vtest.avi");
  CHECK(world.next().width == 768);
}

}  // namespace barrio::adapters::live_video_test
