// Clients that end their side of a connection: those that have left are noticed in every phase of an exchange, and
// those that wait get what they would have got.

#include <doctest/doctest.h>
#include <fcntl.h>

#include <array>

#include "net/client.h"
#include "net/http1_body.h"
#include "net/http2_test.h"
#include "net/raw_client_test.h"
#include "net/tls_session.h"
#include "net/tls_test_files.h"

namespace barrio::net::leaving_test {
namespace {

using namespace test;

const std::string get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const std::string old_get = "GET / HTTP/1.0\r\n\r\n";
const std::string post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
const std::string chat = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

/// Far below what anybody would wait for an answer, far above what a busy machine takes.
constexpr Duration at_once = 2s;

/// Answers nothing by itself.
struct World {
  explicit World(ServerLimits limits = {}) : server(reactor, std::move(limits), recorder) {
    recorder.end = [](Exchange&) {};
    address = *server.listen(any_port());
  }
  void until(const std::function<bool()>& done) { turn_until(reactor, done); }
  void pass(Duration time) {
    const Time end = reactor.fresh_now() + time;
    while (reactor.fresh_now() < end) reactor.turn(end - reactor.now());
  }
  Seen& asked(size_t count = 1) {
    until([&] { return recorder.seen.size() >= count; });
    return recorder.seen[count - 1];
  }
  void notices(const Seen& one) {
    const Time began = reactor.fresh_now();
    until([&] { return one.exchange == nullptr; });
    CHECK(reactor.fresh_now() - began < at_once);
    CHECK(one.aborted);
  }
  Reactor reactor;
  Recorder recorder;
  Server server;
  SocketAddress address;
};

/// Without the one field that a second makes another.
std::string undated(std::string text) {
  const size_t at = text.find("Date: ");
  if (at != std::string::npos) text.erase(at, text.find("\r\n", at) + 2 - at);
  return text;
}

TEST_CASE("a client that closes while it waits for an answer has left, whatever socket and version it uses") {
  World world;
  const std::string path = "/tmp/barrio-leaving-test-" + std::to_string(::getpid());
  const SocketAddress file = *world.server.listen(*SocketAddress::parse("unix:" + path));
  size_t count = 0;
  for (const SocketAddress& address : {world.address, file}) {
    for (const std::string& request : {get, old_get, post}) {
      for (const bool in_order : {true, false}) {
        RawClient client(address);
        REQUIRE(client.send(request));
        const Seen& seen = world.asked(++count);
        world.until([&] { return seen.exchange != nullptr; });
        in_order ? client.close() : client.reset();
        world.notices(seen);
      }
    }
  }
  world.until([&] { return world.server.connections() == 0; });
  ::unlink(path.c_str());
}

TEST_CASE("a client that is seen to have ended only with its request is told from one that waits, too") {
  World world;
  RawClient client(world.address);
  REQUIRE(client.send(get));
  client.close();
  world.notices(world.asked());
}

TEST_CASE("a client that leaves while its body waits to be read has left") {
  World world;
  world.recorder.head = [](Exchange& exchange) { exchange.pause(); };
  RawClient client(world.address);
  REQUIRE(client.send(post));
  const Seen& seen = world.asked();
  client.close();
  world.notices(seen);
  CHECK_FALSE(seen.ended);
}

TEST_CASE("a client that leaves a streamed answer has left, also between two pieces") {
  World world;
  RawClient client(world.address);
  REQUIRE(client.send(get));
  const Seen& seen = world.asked();
  seen.exchange->begin(200, {}, std::nullopt);
  seen.exchange->write("piece");
  world.until([&] {
    client.poll();
    return client.text().ends_with("piece\r\n");
  });
  client.close();
  world.notices(seen);
}

TEST_CASE("in an answer of known length, or without chunks, the next piece shows that the client has left") {
  for (const std::string& request : {get, old_get}) {
    World world;
    RawClient client(world.address);
    REQUIRE(client.send(request));
    const Seen& seen = world.asked();
    seen.exchange->begin(200, {}, request == get ? std::optional<uint64_t>(100) : std::nullopt);
    seen.exchange->write("piece");
    world.until([&] {
      client.poll();
      return client.text().ends_with("piece");
    });
    client.close();
    world.pass(100ms);
    REQUIRE(seen.exchange != nullptr);
    seen.exchange->write("next");
    world.notices(seen);
  }
}

TEST_CASE("what is pipelined behind a request is no end, and whoever leaves behind it has left") {
  World world;
  RawClient client(world.address);
  REQUIRE(client.send(get + get + "GET / HT"));
  const Seen& seen = world.asked();
  world.pass(100ms);
  CHECK(seen.exchange != nullptr);
  client.poll();
  CHECK(client.text().empty());             // nobody was probed
  REQUIRE(client.send("TP/1.1\r\nHost:"));  // which nobody reads now
  world.pass(10ms);
  client.close();
  world.notices(seen);
  CHECK(world.recorder.seen.size() == 1);
}

TEST_CASE("a client that has ended its side and waits gets its answer to the byte, however long it takes") {
  for (const Duration wait : {0ms, 50ms, 150ms}) {
    for (const std::string& request : {get, old_get, post}) {
      World world;
      RawClient plain(world.address);
      RawClient half(world.address);
      REQUIRE(plain.send(request));
      world.asked(1);
      REQUIRE(half.send(request));
      half.end_sending();
      world.asked(2);
      world.pass(wait);
      half.poll();
      CHECK(half.text().size() >= (wait == 0ms ? 0 : wait == 50ms ? 1 : 2));
      const Header field{"X-Field", "value"};
      for (const Seen& seen : world.recorder.seen) seen.exchange->reply(200, {&field, 1}, "the answer");
      world.until([&] {
        plain.poll();
        return half.poll() && plain.text().ends_with("answer");
      });
      CHECK(half.text().starts_with("HTTP/1.1 200 OK\r\n"));
      CHECK(undated(half.text()) == undated(plain.text()));
      CHECK_FALSE(world.recorder.seen[1].aborted);
    }
  }
}

TEST_CASE("a refusal, an upgrade and the next request of a client that has ended its side are whole as well") {
  World world({.body_bytes = 3});
  const std::string chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
  world.recorder.head = [](Exchange& exchange) { exchange.pause(); };
  RawClient refused(world.address);
  REQUIRE(refused.send(chunked));
  refused.end_sending();
  const Seen& first = world.asked(1);
  world.pass(50ms);
  first.exchange->resume();
  world.until([&] { return refused.poll(); });
  CHECK(refused.text().starts_with("HTTP/1.1 413 "));

  RawClient upgraded(world.address);
  REQUIRE(upgraded.send(chat));
  upgraded.end_sending();
  const Seen& second = world.asked(2);
  world.pass(50ms);
  second.exchange->upgrade({});
  second.exchange->end();
  world.until([&] { return upgraded.poll(); });
  CHECK(upgraded.text().starts_with("HTTP/1.1 101 "));

  RawClient two(world.address);
  REQUIRE(two.send(get + get));
  two.end_sending();
  for (size_t i = 3; i <= 4; ++i) {
    const Seen& one = world.asked(i);
    world.pass(50ms);
    one.exchange->reply(200, {}, "ok");
  }
  world.until([&] { return two.poll(); });
  const size_t next = two.text().find("ok") + 2;
  CHECK(undated(two.text().substr(0, next)) == undated(two.text().substr(next)));
}

TEST_CASE("a client that waits for 100 Continue is not probed: its request is not whole") {
  World world;
  world.recorder.head = [](Exchange& exchange) { exchange.pause(); };
  RawClient client(world.address);
  REQUIRE(client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"));
  client.end_sending();
  const Seen& seen = world.asked();
  world.pass(50ms);
  client.poll();
  CHECK(client.text().empty());
  seen.exchange->resume();
  world.notices(seen);
}

/// What the loop takes for the time, moved by hand.
thread_local Time told = {};

/// A client that has ended its side, and an answer that takes as long as a test says.
struct Patient {
  Patient() {
    recorder.end = [](Exchange&) {};
    REQUIRE(client.send(get));
    client.end_sending();
    after(0ms);
  }
  /// What the client has read so much later.
  const std::string& after(Duration time) {
    told += time;
    for (int i = 0; i < 5; ++i) reactor.turn(0ns);
    client.poll();
    return client.text();
  }
  Exchange& exchange() { return *recorder.seen.at(0).exchange; }

  Reactor reactor{[] { return told; }};
  Recorder recorder;
  Server server{reactor, {}, recorder};
  RawClient client{*server.listen(any_port())};
};

TEST_CASE("a client that waits for an hour is probed nine times, ever more seldom") {
  Patient w;
  CHECK(w.after(19ms).empty());
  CHECK(w.after(1ms) == "H");
  CHECK(w.after(79ms) == "H");
  CHECK(w.after(1ms) == "HT");
  CHECK(w.after(319ms) == "HT");
  CHECK(w.after(1ms) == "HTT");
  for (int i = 0; i < 3600; ++i) w.after(1s);
  CHECK(w.after(1h) == "HTTP/1.1 ");
  w.exchange().reply(204, {}, "");
  CHECK(w.after(0ms).starts_with("HTTP/1.1 204 "));
}

TEST_CASE("a client that has ended its side reads a streamed answer whole, with pauses at any place of it") {
  Patient w;
  w.after(20ms);
  w.exchange().begin(200, {}, std::nullopt);
  CHECK(w.after(0ms).ends_with("\r\n\r\n"));
  CHECK(w.after(79ms).ends_with("\r\n\r\n"));
  CHECK(w.after(1ms).ends_with("\r\n\r\n0"));
  w.exchange().write(std::string(20, 'a'));
  w.after(0ms);
  w.after(320ms);
  w.exchange().write("b");
  w.after(1200ms);  // what has been put off until now is sent, and no probe
  w.exchange().write("c");
  w.after(0ms);
  w.after(1280ms);
  w.exchange().end();
  const std::string& text = w.after(0ms);
  CHECK(text.starts_with("HTTP/1.1 200 OK\r\n"));
  const std::string body = text.substr(text.find("\r\n\r\n") + 4);
  CHECK(body == "014\r\n" + std::string(20, 'a') + "\r\n01\r\nb\r\n1\r\nc\r\n00\r\n\r\n");
  http1::BodyReader reader;
  reader.reset(http1::Framing::chunked, 0);
  for (std::string_view rest = body; !rest.empty() && reader.failure() == nullptr;)
    rest.remove_prefix(reader.step(rest).consumed);
  CHECK(reader.done());
  CHECK_FALSE(w.recorder.seen.at(0).aborted);
}

TEST_CASE("a tunnel whose client has ended has its grace time, and not that of one that nobody uses") {
  World world({.tunnel_idle_timeout = 1h, .tunnel_grace = 50ms});
  world.recorder.head = [](Exchange& exchange) { exchange.upgrade({}); };
  for (const bool closes : {true, false}) {
    RawClient client(world.address);
    REQUIRE(client.send(chat));
    const Seen& seen = world.asked(closes ? 1 : 2);
    world.until([&] {
      client.poll();
      return client.text().ends_with("\r\n\r\n");
    });
    closes ? client.close() : client.end_sending();
    world.until([&] { return seen.tunnel_ended; });
    CHECK(seen.exchange != nullptr);
    world.notices(seen);
  }
}

/// A client of its own version of HTTP that hears nothing.
struct Deaf final : CallHandler {
  void on_head(const ResponseHead&) override {}
  void on_body(std::string_view) override {}
  void on_done() override {}
  void on_error(CallError) override {}
  void on_writable() override {}
};

TEST_CASE("over TLS, and in both versions, a client that leaves is noticed while it waits and between two pieces") {
  const TestFiles files;
  World world;
  const auto tls = files.server({.certificates = {files.issue("a", {"a.example"})}});
  const SocketAddress secure = *world.server.listen(any_port(), tls);
  const auto trusting = files.client();
  Client client(world.reactor, {});
  size_t count = 0;
  for (const Protocol protocol : {Protocol::http1, Protocol::http2}) {
    for (const bool over_tls : {true, false}) {
      for (const bool streams : {false, true}) {
        INFO(over_tls, " ", streams);
        Endpoint endpoint(over_tls ? secure : world.address);
        endpoint.protocol = protocol;
        endpoint.name = "a.example";
        if (over_tls) endpoint.tls = trusting;
        Deaf deaf;
        Call& call = client.start(endpoint, {.deadline = world.reactor.fresh_now() + 1h}, deaf);
        const Seen& seen = world.asked(++count);
        if (streams) {
          seen.exchange->begin(200, {}, std::nullopt);
          seen.exchange->write("piece");
        }
        world.pass(10ms);
        call.cancel();
        world.notices(seen);
      }
    }
  }
}

TEST_CASE("over TLS a client that has ended its side still gets its answer") {
  const TestFiles files;
  World world;
  const auto tls = files.server({.certificates = {files.issue("a", {"a.example"})}});
  const SocketAddress secure = *world.server.listen(any_port(), tls);
  const auto trusting = files.client();
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(::connect(fd, secure.native(), secure.native_length()) == 0);
  REQUIRE(::fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
  const auto session = trusting->session("a.example", "http/1.1", "there");
  session->attach(fd);
  world.until([&] { return session->shake_hands() == TlsSession::Outcome::done; });
  session->write(get);
  session->say_end();
  ::shutdown(fd, SHUT_WR);
  const Seen& seen = world.asked();
  world.pass(50ms);
  seen.exchange->reply(200, {}, "answer");
  std::string text;
  std::array<char, 4096> buffer{};
  world.until([&] {
    const auto moved = session->read(buffer);
    text.append(buffer.data(), moved.bytes);
    return text.ends_with("answer");
  });
  CHECK(text.starts_with("HTTP/1.1 200 OK\r\n"));
  ::close(fd);
}

TEST_CASE("an HTTP/2 connection that ends takes all its streams with it, and a GOAWAY alone none") {
  World world;
  const auto peer = FramePeer::client(world.address);
  for (const int32_t stream : {1, 3}) peer->headers(stream, FramePeer::get());
  world.asked(2);
  peer->frame(NGHTTP2_GOAWAY, 0, 0, number_text(0) + number_text(NGHTTP2_NO_ERROR));
  world.pass(50ms);
  for (const Seen& seen : world.recorder.seen) CHECK(seen.exchange != nullptr);
  peer->reset(1, NGHTTP2_CANCEL);
  world.notices(world.recorder.seen[0]);
  CHECK(world.recorder.seen[1].exchange != nullptr);
  peer->close();
  world.notices(world.recorder.seen[1]);
}

}  // namespace
}  // namespace barrio::net::leaving_test
