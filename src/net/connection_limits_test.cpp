// What a server counts of its connections' limits, and connections whose other end is dead.

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "net/dead_peer.h"
#include "net/dial.h"
#include "net/http2_test.h"
#include "net/listener.h"
#include "net/raw_client_test.h"

namespace barrio::net::connection_limits_test {
namespace {

using namespace test;

uint64_t met(const World& world, ConnectionLimit limit) {
  return world.server->limits_met()[static_cast<size_t>(limit)];
}

uint64_t all_met(const World& world) {
  uint64_t sum = 0;
  for (const uint64_t one : world.server->limits_met()) sum += one;
  return sum;
}

/// This client's bytes meet this limit once, and no other.
void meets(ConnectionLimit limit, std::string_view bytes, ServerLimits limits = {}) {
  World world(std::move(limits));
  RawClient client(world.address);
  REQUIRE(client.send(bytes));
  world.until([&] { return client.poll(); });
  CHECK(met(world, limit) == 1);
  CHECK(all_met(world) == 1);
}

TEST_CASE("each limit of an HTTP/1.1 connection that is met is counted, once, as what it is") {
  const std::string post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";
  meets(ConnectionLimit::malformed, "GET / HTTP/1.1\r\n\r\n");
  meets(ConnectionLimit::head, "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(300, 'x'), {.head_bytes = 200});
  meets(ConnectionLimit::body, post, {.body_bytes = 4});
  meets(ConnectionLimit::head_time, "GET / HT", {.head_timeout = 20ms});
  meets(ConnectionLimit::body_time, post + "hel", {.body_timeout = 20ms});
  meets(ConnectionLimit::idle, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", {.idle_timeout = 20ms});
}

TEST_CASE("connections over their number are counted as often as others have to wait") {
  World world({.connections = 2});
  RawClient one(world.address);
  world.until([&] { return world.server->connections() == 1; });
  CHECK(all_met(world) == 0);
  RawClient two(world.address);
  world.until([&] { return world.server->connections() == 2; });
  CHECK(met(world, ConnectionLimit::connections) == 1);
}

TEST_CASE("a crowd at one listener shuts no other") {
  World world({.connections = 2});
  const auto other = world.server->listen(any_port());
  REQUIRE(other);
  RawClient one(world.address);
  RawClient two(world.address);
  RawClient three(world.address);
  world.until([&] { return world.server->connections() == 2; });
  some_turns(world.reactor);
  CHECK(world.server->connections() == 2);
  RawClient neighbour(*other);
  REQUIRE(neighbour.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
  world.until([&] {
    neighbour.poll();
    return neighbour.text().ends_with("ok");
  });
  one.close();
  world.until([&] { return world.server->connections() == 3 && met(world, ConnectionLimit::connections) == 2; });
}

TEST_CASE("a client that does not take its answer is counted") {
  World world({.write_buffer_bytes = 10'000, .write_timeout = 30ms});
  world.recorder.end = [](Exchange& exchange) { exchange.reply(200, {}, std::string(16'000'000, 'x')); };
  RawClient client(world.address);
  REQUIRE(client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
  world.until([&] { return world.recorder.all_closed(1); });
  CHECK(met(world, ConnectionLimit::write_time) == 1);
}

TEST_CASE("the limits of HTTP/2 are counted") {
  World world({.http2 = {.resets_per_second = 3, .idle_frames_per_second = 3}});
  const auto ends = [&](FramePeer& client) { world.until([&] { return client.poll(); }); };
  auto pings = world.client();
  for (int i = 0; i < 5; ++i) pings->frame(NGHTTP2_PING, 0, 0, std::string(8, 'p'));
  ends(*pings);
  CHECK(met(world, ConnectionLimit::idle_frames) >= 1);
  CHECK(met(world, ConnectionLimit::malformed) == 0);
  auto resets = world.client();
  for (int32_t id = 1; id < 11; id += 2) {
    resets->headers(id, FramePeer::post(), false);
    resets->reset(id, NGHTTP2_CANCEL);
  }
  ends(*resets);
  CHECK(met(world, ConnectionLimit::resets) >= 1);
  auto broken = world.client();
  broken->data(1, "idle");
  ends(*broken);
  CHECK(met(world, ConnectionLimit::malformed) == 1);
}

TEST_CASE("a flood of CONTINUATION ends its connection, and is counted") {
  World world;
  auto client = world.client();
  client->frame(NGHTTP2_HEADERS, 0, 1, client->block(FramePeer::get()));
  for (int i = 0; i < 20; ++i) client->frame(NGHTTP2_CONTINUATION, 0, 1, "");
  world.until([&] { return client->poll(); });
  CHECK(met(world, ConnectionLimit::malformed) == 1);
  CHECK(world.recorder.seen.empty());
}

TEST_CASE("a request whose answer has begun may pause for as long as a tunnel, over HTTP/1.1 and HTTP/2") {
  World world({.body_timeout = 30ms, .tunnel_idle_timeout = 200ms});
  world.recorder.head = [](Exchange& exchange) { exchange.begin(200, {}, std::nullopt); };
  const Time began = world.reactor.fresh_now();
  RawClient one(world.address);
  REQUIRE(one.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n"));
  auto two = world.client();
  two->headers(1, FramePeer::post(), false);
  two->data(1, "a");
  world.until([&] { return world.recorder.seen.size() == 2; });
  world.until([&] { return world.reactor.fresh_now() >= began + 100ms; });
  CHECK_FALSE(one.poll());
  CHECK_FALSE(two->reset_code(1).has_value());
  CHECK(all_met(world) == 0);
  world.until([&] { return one.poll() && two->reset_code(1).has_value(); });
  CHECK(*two->reset_code(1) == NGHTTP2_CANCEL);
  CHECK(met(world, ConnectionLimit::idle) == 2);
}

int option(int fd, int level, int name) {
  int value = -1;
  socklen_t size = sizeof(value);
  CHECK(::getsockopt(fd, level, name, &value, &size) == 0);
  return value;
}

TEST_CASE("what is accepted and what is dialed learns of a peer that died without a word") {
  Reactor reactor;
  int accepted = -1;
  Listener listener(reactor, [&](int fd, const SocketAddress&) { accepted = fd; });
  const auto address = listener.open(any_port());
  REQUIRE(address);
  const auto dialed = dial(*address);
  REQUIRE(dialed);
  turn_until(reactor, [&] { return accepted >= 0; });
  for (const int fd : {accepted, dialed->fd}) {
    CHECK(option(fd, SOL_SOCKET, SO_KEEPALIVE) == 1);
    CHECK(option(fd, IPPROTO_TCP, TCP_KEEPIDLE) + 3 * option(fd, IPPROTO_TCP, TCP_KEEPINTVL) == dead_after / 1s);
    CHECK(option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT) == dead_after / 1ms);
    ::close(fd);
  }
}

}  // namespace
}  // namespace barrio::net::connection_limits_test
